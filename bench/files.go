package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// spareFiles is what a process needs beside its sockets.
const spareFiles = 64

// allowFiles raises the limit on open files as far as the system lets us, and says
// what to do if that is not enough for so many connections. While a connection
// shakes hands it has two descriptors, hence the second term.
func allowFiles(connections int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("reading the limit on open files: %w", err)
	}
	need := uint64(connections + maxHandshakes + spareFiles)
	if limit.Cur < limit.Max {
		limit.Cur = limit.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			return fmt.Errorf("raising the limit on open files to %d: %w", limit.Max, err)
		}
	}
	if limit.Cur < need {
		return fmt.Errorf("%d connections need %d open files and the limit is %d: raise it (ulimit -Hn %d as root, LimitNOFILE= in a systemd unit), or lower --connections",
			connections, need, limit.Cur, need)
	}
	return nil
}
