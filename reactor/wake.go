package reactor

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/lesismal/nbio"
	"golang.org/x/sys/unix"
)

// newWake makes the socket that wakes a loop: a byte written to the first
// descriptor makes the second, an engine's connection, readable.
func newWake() (write int, read *nbio.Conn, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, fmt.Errorf("socketpair: %w", err)
	}
	file := os.NewFile(uintptr(pair[1]), "wake")
	conn, err := net.FileConn(file)
	_ = file.Close()
	if err == nil {
		read, err = engineConn(conn)
	}
	if err != nil {
		_ = unix.Close(pair[0])
		return 0, nil, err
	}
	return pair[0], read, nil
}

// engineConn makes conn nbio's, which duplicates the descriptor and closes conn.
// On an error conn is as it was. The duplicate must not be inherited by a child
// process; ForkLock keeps one from being started before it is marked.
func engineConn(conn net.Conn) (*nbio.Conn, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	nc, err := nbio.NBConn(conn)
	if err != nil {
		return nil, err
	}
	trimAddr(nc.LocalAddr())
	trimAddr(nc.RemoteAddr())
	unix.CloseOnExec(descriptor(nc))
	return nc, nil
}

// trimAddr lets go of the kernel's form of an address, of which net keeps the whole
// for the few bytes that IP is; there are two for each connection.
func trimAddr(a net.Addr) {
	if tcp, ok := a.(*net.TCPAddr); ok {
		tcp.IP = bytes.Clone(tcp.IP)
	}
}

// descriptor is the connection's socket; nbio calls it the hash.
func descriptor(nc *nbio.Conn) int { return nc.Hash() }
