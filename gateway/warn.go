package main

import (
	"fmt"
	"syscall"
)

// spareFiles is how many file descriptors a node needs beside its connections:
// listeners, Redis, the workers' own, and the requests of a moment.
const spareFiles = 300

// filesOfTLS is how many a connection over TLS needs: the client's, and the two ends of
// its relay.
const filesOfTLS = 3

// warn says at start what will hurt later.
func (n *node) warn() {
	if !n.config.HasKeys() {
		n.log.Warn("no access key is set: anyone who reaches the loopback addresses may join, send and use the data plane; set keys before you listen elsewhere")
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return
	}
	each := 1
	if n.config.TLS.CertFile != "" {
		each = filesOfTLS
	}
	if need := uint64(each*n.config.Limits.Connections + spareFiles); files.Cur < need {
		n.log.Warn("the process may not open as many files as limits.connections needs",
			"allowed", files.Cur, "needed", need,
			"remedy", fmt.Sprintf("raise it with ulimit -n %d or LimitNOFILE=, or lower limits.connections", need))
	}
}
