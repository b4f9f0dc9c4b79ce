package offender

import (
	"bufio"
	"context"
	"net"
	"sync"
	"syscall"
	"time"
)

// patience is how long an offender waits for a connection to be made. Reading has no
// end but the attack's: how long the gateway takes is the gateway's affair.
const patience = 10 * time.Second

// Visit is one connection of an offender, owned by its goroutine.
type Visit struct {
	crew *Crew
	n    int // of the offender, from 0
	turn int // of all visits, from 1; for what is done in turn

	small bool // the kernel keeps little of what is not read; to be set before connect
	conn  net.Conn
	in    *bufio.Reader
	stop  func() bool // takes back that conn ends with the attack
}

// readers are those of connections that have ended.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 1024) }}

// smallBuffer is the receive buffer of who never reads, which the kernel doubles.
const smallBuffer = 4 << 10

// connect makes the connection. Not "" is what came of it instead.
func (v *Visit) connect(address string) (got string) {
	d := net.Dialer{Timeout: patience, LocalAddr: v.crew.attack.source(address, v.n), KeepAlive: -1}
	if v.small {
		d.Control = func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, smallBuffer) // larger: what is not read takes longer to be felt
			})
		}
	}
	conn, err := d.DialContext(v.crew.ctx, "tcp", address)
	if err != nil {
		return v.ending(err)
	}
	v.crew.tally.connections.Add(1)
	v.conn = conn
	v.stop = context.AfterFunc(v.crew.ctx, func() { reset(conn) })
	return ""
}

// reader is the buffer that answers are read through.
func (v *Visit) reader() *bufio.Reader {
	if v.in == nil {
		v.in = readers.Get().(*bufio.Reader)
		v.in.Reset(v.conn)
	}
	return v.in
}

// write sends b, which has so many frames.
func (v *Visit) write(b []byte, frames int) error {
	n, err := v.conn.Write(b)
	v.crew.tally.bytes.Add(uint64(n))
	if err == nil {
		v.crew.tally.frames.Add(uint64(frames))
	}
	return err
}

// beside reads on a goroutine of its own until the connection ends, and meanwhile does
// something every so often. It returns what the reader found.
func (v *Visit) beside(read func() string, every time.Duration, do func() error) string {
	found := make(chan string, 1)
	go func() {
		got := read()
		reset(v.conn) // a write that waits ends
		found <- got
	}()
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case got := <-found:
			return got
		case <-t.C:
			if do() != nil {
				return <-found // the reader knows better why
			}
		}
	}
}

// rest waits. False if the attack has ended.
func (v *Visit) rest(d time.Duration) bool { return rest(v.crew.ctx, d) }

// close ends the connection with a reset, which leaves nothing behind in this kernel.
func (v *Visit) close() {
	if v.conn == nil {
		return
	}
	v.stop()
	reset(v.conn)
	if v.in != nil {
		v.in.Reset(nil)
		readers.Put(v.in)
	}
}

// reset closes with RST. It may be called more than once.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0) // closed already
	_ = conn.Close()
}
