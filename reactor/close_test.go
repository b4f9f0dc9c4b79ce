package reactor

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// closeFromLoop closes h's connection with 4000.
func closeFromLoop(t *testing.T, h *peer, why Reason) *Conn {
	t.Helper()
	conn := within(t, "Open", h.conn)
	on(t, conn.Worker(), func(*Worker) {
		conn.Close(4000, "enough", why)
		conn.Close(4001, "twice", "another")
		conn.Send(NewFrame([]byte("too late"), false))
	})
	return conn
}

// TestClose: the server closes; the client hears one close frame and nothing
// else, answers it, and hears the end. What it says meanwhile is not handled.
func TestClose(t *testing.T) {
	r := start(t, Config{Workers: 1, CloseTimeout: patience})
	f := func(reply []byte) {
		t.Helper()
		h := newPeer(func(*Conn, []byte, bool) { t.Error("a message after the close frame") })
		c := connect(t, r, h)
		send(t, c, frame(ws.OpText, "hello")[:5]) // a frame has begun when we close
		closeFromLoop(t, h, "kicked")
		expect(t, c, answerClose(4000, "enough"))
		send(t, c, join(frame(ws.OpText, "hello")[5:], frame(ws.OpPing, "?"), reply))
		if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
			t.Errorf("after the close frame: %x, %v", b, err)
		}
		c.Close()
		if why := within(t, "Closed", h.closed); why != "kicked" {
			t.Errorf("closed with %s", why)
		}
	}
	f(bye(4000, ""))
	f(bye(1000, "any code will do"))
	f(bye(1005, "even a wrong one ends it"))
	f([]byte("\x7f and so does nonsense"))
	if n := number(r.config.Metrics, `tidegate_closes_total{reason="kicked"}`); n != 4 {
		t.Errorf("counted %d closes, want 4", n)
	}
}

// TestCloseTimeout: a client that does not answer, or answers and does not hang up,
// is cut off in time.
func TestCloseTimeout(t *testing.T) {
	r := start(t, Config{Workers: 1, CloseTimeout: 50 * time.Millisecond})
	silent, clinging := newPeer(nil), newPeer(nil)
	connect(t, r, silent)
	closeFromLoop(t, silent, "kicked")
	c := connect(t, r, clinging)
	send(t, c, bye(1000, ""))
	if why := within(t, "Closed", silent.closed); why != "kicked" {
		t.Errorf("silent: %s", why)
	}
	if why := within(t, "Closed", clinging.closed); why != ClientClosed {
		t.Errorf("clinging: %s", why)
	}
	eventually(t, "no connection is left", func() bool { return r.Connections() == 0 })
}

// TestCloseLetsSlowReadersFinish: the time for an answer counts from when the client last
// took something of what was queued before the close frame, however long all of it takes.
func TestCloseLetsSlowReadersFinish(t *testing.T) {
	const timeout, size, parts = 2 * time.Second, 1 << 20, 16
	r := start(t, Config{Workers: 1, CloseTimeout: timeout, SendBuffer: 2 * size, SocketBuffer: 16 << 10})
	h := newPeer(nil)
	c := connect(t, r, h)
	if err := c.SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	conn := within(t, "Open", h.conn)
	on(t, conn.Worker(), func(*Worker) {
		conn.Send(NewFrame(make([]byte, size), true))
		conn.Close(4000, "enough", "kicked")
	})
	want := join(NewFrame(make([]byte, size), true).encoded, answerClose(4000, "enough"))
	got := make([]byte, 0, len(want))
	for len(got) < len(want) {
		n, err := io.ReadFull(c, got[len(got):min(len(got)+size/parts, len(want))])
		if got = got[:len(got)+n]; err != nil {
			t.Fatalf("the end came after %d bytes of %d: %v", len(got), len(want), err)
		}
		time.Sleep(2 * timeout / parts) // twice the timeout in all
	}
	if !bytes.Equal(got, want) {
		t.Error("what came is not what was sent")
	}
	c.Close()
	if why := within(t, "Closed", h.closed); why != "kicked" {
		t.Errorf("closed with %s", why)
	}
}

// TestCloseFrameSurvives: a client that is still sending when it breaks a rule can
// read why. Closing the socket at once would reset it.
func TestCloseFrameSurvives(t *testing.T) {
	r := start(t, Config{Workers: 1})
	for range 20 {
		h := newPeer(nil)
		c := connect(t, r, h)
		within(t, "Open", h.conn)
		release := hold(t, r.Workers()[0])
		send(t, c, join(frame(15, ""), bytes.Repeat([]byte("more"), 25_000))) // more than one read
		release()
		want := answerClose(1002, ws.ErrProtocolOpCodeReserved.Error())
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %q (%v), want %q and the end", got, err, want)
		}
		for range 3 { // a reset would fail the second
			send(t, c, []byte("more"))
		}
		c.Close()
		within(t, "Closed", h.closed)
	}
}

// TestClientGone: a socket that ends without a close frame.
func TestClientGone(t *testing.T) {
	r := start(t, Config{Workers: 2})
	f := func(end func(c *net.TCPConn)) {
		t.Helper()
		h := newPeer(nil)
		c := connect(t, r, h)
		within(t, "Open", h.conn)
		end(c)
		if why := within(t, "Closed", h.closed); why != ClientGone {
			t.Errorf("closed with %s", why)
		}
	}
	f(func(c *net.TCPConn) { _ = c.Close() })
	f(func(c *net.TCPConn) { _ = c.CloseWrite() })
	f(func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() })
	f(func(c *net.TCPConn) { _, _ = c.Write([]byte("\x81\x85half")); _ = c.Close() })
}

// TestWriteAndClose: what a client wrote before it closed is handled to the last
// frame, although nbio closes after a few reads once the other end has. It holds
// because the kernel's receive buffer fits those reads.
func TestWriteAndClose(t *testing.T) {
	r := start(t, Config{Workers: 1})
	one := frame(ws.OpText, "small")
	const frames = 300_000 / 11
	for range 20 {
		handled := 0
		h := newPeer(func(*Conn, []byte, bool) { handled++ })
		c := connect(t, r, h)
		send(t, c, bytes.Repeat(one, frames))
		c.Close()
		within(t, "Closed", h.closed)
		if handled != frames {
			t.Fatalf("%d of %d frames were handled", handled, frames)
		}
	}
}

// TestBusyLoopReadsAll is TestWriteAndClose with all of it waiting in the kernel
// when the loop comes to read.
func TestBusyLoopReadsAll(t *testing.T) {
	r := start(t, Config{Workers: 1})
	one := frame(ws.OpText, "small")
	for range 10 {
		handled, sent := 0, 0
		h := newPeer(func(*Conn, []byte, bool) { handled++ })
		c := connect(t, r, h)
		within(t, "Open", h.conn)
		release := hold(t, r.Workers()[0])
		_ = c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		for {
			n, err := c.Write(bytes.Repeat(one, 100))
			sent += n
			if err != nil {
				break // neither kernel takes more
			}
		}
		c.Close()
		release()
		within(t, "Closed", h.closed)
		if handled != sent/len(one) {
			t.Fatalf("%d of %d frames were handled", handled, sent/len(one))
		}
	}
}

// TestChurn: connections come and go while others echo; none of those is ever
// touched. A stale event that closed a new socket of the same number would show
// here, as an end without an answer.
func TestChurn(t *testing.T) {
	r := start(t, Config{Workers: 2})
	const goroutines, rounds = 4, 300
	done := make(chan error, goroutines)
	for g := range goroutines {
		go func() {
			var err error
			for i := 0; i < rounds && err == nil; i++ {
				err = visit(r, g+i)
			}
			done <- err
		}()
	}
	for range goroutines {
		if err := within(t, "the churn to end", done); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "no connection is left", func() bool { return r.Connections() == 0 })
	for _, w := range r.Workers() {
		on(t, w, func(w *Worker) {
			if len(w.conns) != 0 || len(w.dirty) != 0 {
				t.Errorf("worker %d: %d connections and %d dirty are left", w.index, len(w.conns), len(w.dirty))
			}
		})
	}
}

// visit connects, has one message answered, and leaves in one of several ways.
func visit(r *Reactor, how int) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		return err
	}
	// The handler also closes itself when it is told to, with the answer.
	if err := r.Adopt(s, frame(ws.OpText, "hello"), newPeer(func(c *Conn, p []byte, binary bool) {
		echo(c, p, binary)
		if how%5 == 0 {
			_ = c.nc.Close()
		}
	}), false); err != nil {
		return err
	}
	if how%5 == 0 {
		return nil
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	got := make([]byte, len(answer(ws.OpText, "hello")))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	switch how % 5 {
	case 1:
		_ = c.(*net.TCPConn).SetLinger(0)
	case 2:
		_, err = c.Write(join(frame(ws.OpText, "hello"), bye(1000, "")))
	case 3:
		_, err = c.Write(bye(1000, ""))
		if err == nil {
			_, err = io.ReadAll(c)
		}
	}
	return err
}
