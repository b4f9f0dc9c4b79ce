package tlsconn

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Under starts the relay and returns the loop's end. If there are no descriptors for it,
// nil, and the connection is as it was.
func (c *conn) Under() (net.Conn, []byte) {
	ours, loop, err := c.listener.certificate.pair()
	if err != nil {
		return nil, nil
	}
	c.loop = loop
	l := c.listener
	_ = ours.SetWriteBuffer(l.Buffer)
	_ = ours.SetReadBuffer(l.Buffer)
	_ = c.SetDeadline(time.Time{})
	l.certificate.relayed.Add(1)
	r := &relay{conn: c, pair: ours}
	l.certificate.relays.Go(func() {
		var both sync.WaitGroup
		both.Go(r.up)
		r.down()
		both.Wait()
		_ = ours.Close()
		_ = c.tls.Close()
		l.certificate.relayed.Add(-1)
	})
	return loop, nil
}

// pair is two connected sockets of this machine, through a listener of it. They are TCP's,
// since the loop's engine forgets what a Unix socket did not take. Somebody else on this
// machine who connects to the listener is sent away.
func (c *Certificate) pair() (ours, loop *net.TCPConn, err error) {
	c.pairing.Lock()
	defer c.pairing.Unlock()
	_ = c.inner.SetDeadline(time.Now().Add(pairTimeout))
	// A dial without a bound would hold up every other connection's.
	dialer := net.Dialer{Timeout: pairTimeout}
	dialed, err := dialer.Dial("tcp", c.inner.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	ours = dialed.(*net.TCPConn)
	for {
		if loop, err = c.inner.AcceptTCP(); err != nil {
			_ = ours.Close()
			return nil, nil, err
		}
		if loop.RemoteAddr().String() == ours.LocalAddr().String() {
			return ours, loop, nil
		}
		_ = loop.Close()
	}
}

// pairTimeout bounds the making of a pair, which takes microseconds.
const pairTimeout = 5 * time.Second

// relay carries bytes both ways. Neither way reads more before the other end has taken
// what it has, so a slow end slows down the other one and nothing piles up here.
type relay struct {
	conn *conn
	pair *net.TCPConn
}

// inward is what is read of a client at a time. It is there for as long as the
// connection, so it is no larger than what most messages need.
const inward = 1 << 10

// up carries from the client to the loop, until the client has said all. What comes after
// the loop's end is read all the same: a socket that is closed with something unread is
// reset, and that may destroy the close frame on its way.
func (r *relay) up() {
	buffer := make([]byte, inward)
	for {
		n, err := r.conn.tls.Read(buffer)
		if n > 0 {
			_, _ = r.pair.Write(buffer[:n]) // a loop that takes no more is why down ends
		}
		if err != nil {
			_ = r.pair.CloseWrite()
			return
		}
	}
}

// farewell is how long a client may take to close once the loop has said all.
const farewell = 5 * time.Second

// down carries from the loop to the client, until the loop has said all or the client
// takes no more. Then the client has a moment to answer.
func (r *relay) down() {
	raw, err := r.pair.SyscallConn()
	for err == nil {
		var b *[]byte
		var n int
		if b, n = read(raw); n == 0 {
			break
		}
		_ = r.conn.SetWriteDeadline(time.Now().Add(r.conn.listener.Timeout))
		_, err = r.conn.tls.Write((*b)[:n])
		buffers.Put(b)
	}
	if err != nil { // nobody can be told any more
		_ = r.conn.Conn.Close()
		_ = r.pair.Close()
		return
	}
	_ = r.conn.tls.CloseWrite()
	_ = r.conn.SetReadDeadline(time.Now().Add(farewell))
}

// buffers are for what is on its way to clients: a record of TLS each.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 16<<10)
	return &b
}}

// read waits for bytes, and takes a buffer for them only when they are there. None are
// the end.
func read(raw syscall.RawConn) (b *[]byte, n int) {
	failed := raw.Read(func(fd uintptr) bool {
		b = buffers.Get().(*[]byte)
		var err error
		for n, err = unix.Read(int(fd), *b); errors.Is(err, unix.EINTR); n, err = unix.Read(int(fd), *b) {
		}
		if n > 0 {
			return true
		}
		buffers.Put(b)
		return !errors.Is(err, unix.EAGAIN)
	})
	if failed != nil || n < 0 {
		return nil, 0
	}
	return b, n
}
