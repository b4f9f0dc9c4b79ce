package reactor

import (
	"syscall"
	"unsafe"

	"github.com/lesismal/nbio"
	"golang.org/x/sys/unix"
)

// remnant is how much nbio is given of what a socket did not take: it copies it,
// watches the socket for room, and writes it then. More is not needed, because
// there is room for more then and the rest is written by us; much less would go
// out as a small packet.
const remnant = 4 << 10

// write writes b and returns how much of it is off the list: taken by the kernel,
// or nbio's. nbio is asked only when the kernel did not take all of it.
//
// A descriptor is only a number, and the number may be another connection's as
// soon as the socket is closed. This one is the connection's, because whoever
// calls has asked nbio whether the socket is closed, and nbio closes sockets on
// this goroutine alone: on the loop, or, while there is none, on the supervisor.
func (c *Conn) write(b []byte) int {
	w := c.worker
	w.counts.writes.Inc()
	n := sendNow(int(c.fd), b)
	if n > 0 {
		w.counts.sentBytes.Add(n)
	}
	if n == len(b) {
		return n
	}
	// There is no error to look at here either: a socket that fails fails nbio's
	// write too, is closed by nbio, and disconnected says so.
	rest := b[n:min(len(b), n+remnant)]
	c.copied += int32(len(rest))
	_, _ = c.nc.Write(rest)
	return n + len(rest)
}

// sendNow gives the kernel what it takes of b without waiting, 0 if that is
// nothing or the socket fails (send(2)). It is a raw call: syscall.Write tells the
// scheduler, which may then take the processor away from this loop for every
// write (sysmon does so after 20 µs), and a call that never waits does not need
// it. MSG_NOSIGNAL: a socket that the client has closed is an error, no SIGPIPE.
func sendNow(fd int, b []byte) int {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// written is nbio's word that the kernel took n bytes of what nbio was given, at
// once or when the socket had room again. Called on the loop, which here must not
// call the connection's methods: nbio holds its lock. So what follows from it, the
// next frames or Drained, is the turn's end's; if nbio is not called from a turn,
// one is made.
func (w *Worker) written(nc *nbio.Conn, _ []byte, n int) {
	c, ok := nc.Session().(*Conn)
	if !ok {
		return
	}
	w.counts.sentBytes.Add(n)
	c.copied -= int32(n)
	if c.state != open {
		c.heard = w.sweep.beat // a slow reader that still reads is not cut off
	}
	if c.copied == 0 && !c.dirty {
		c.touch()
		w.inbox.rouse()
	}
}
