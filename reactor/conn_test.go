package reactor

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestSendOrder: frames arrive in the order of their Sends, joined or not, small
// or larger than a write.
func TestSendOrder(t *testing.T) {
	r := start(t, Config{Workers: 1})
	var want []byte
	var frames []Frame
	for i, n := range []int{1, 10, 70_000, 1, 30_000, 30_000, 30_000, 2, chunk, 0, 200_000, 5} {
		f := NewFrame([]byte(strings.Repeat(string(rune('a'+i)), n)), true)
		frames, want = append(frames, f), append(want, f.encoded...)
	}
	h := newPeer(nil)
	h.open = func(c *Conn) {
		for _, f := range frames {
			c.Send(f)
		}
		c.Send(Frame{})
	}
	c := connect(t, r, h)
	expect(t, c, want)
	conn := within(t, "Open", h.conn)
	for _, f := range frames {
		on(t, conn.Worker(), func(*Worker) { conn.Send(f) })
		expect(t, c, f.encoded)
	}
	on(t, conn.Worker(), func(*Worker) {
		if conn.pending() != 0 || conn.queued != 0 {
			t.Errorf("all was read, and %d bytes wait, %d of them queued", conn.pending(), conn.queued)
		}
	})
}

// TestBatch: what is sent in one turn is written once a connection, which is the
// reactor's whole point.
func TestBatch(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	const members, messages = 20, 30
	var conns []*Conn
	var clients []net.Conn
	for range members {
		h := newPeer(nil)
		clients = append(clients, connect(t, r, h))
		conns = append(conns, within(t, "Open", h.conn))
	}
	f := NewFrame([]byte("to all"), false)
	release := hold(t, w)
	before := number(r.config.Metrics, "tidegate_writes_total")
	for range messages {
		if err := w.Post(func(*Worker) {
			for _, c := range conns {
				c.Send(f)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	release()
	for _, c := range clients {
		expect(t, c, bytes.Repeat(f.encoded, messages))
	}
	on(t, w, func(*Worker) {}) // the counts are made when the turn ends
	if n := number(r.config.Metrics, "tidegate_writes_total") - before; n != members {
		t.Errorf("%d writes, want %d", n, members)
	}
	if n := number(r.config.Metrics, "tidegate_sent_frames_total"); n != members*messages {
		t.Errorf("counted %d frames, want %d", n, members*messages)
	}
	if n := number(r.config.Metrics, "tidegate_sent_bytes_total"); n != members*messages*f.Len() {
		t.Errorf("counted %d bytes, want %d", n, members*messages*f.Len())
	}
}

// TestFanOutAllocs: a message to N members allocates nothing per member, from the
// posted function to the write.
func TestFanOutAllocs(t *testing.T) {
	r := start(t, Config{Workers: 1, Heartbeat: time.Hour, HeartbeatTimeout: 2 * time.Hour, CloseTimeout: time.Hour})
	w := r.Workers()[0]
	const members = 50
	var conns []*Conn
	for range members {
		h := newPeer(nil)
		c := connect(t, r, h)
		go func() { _, _ = io.Copy(io.Discard, c) }()
		conns = append(conns, within(t, "Open", h.conn))
	}
	f := NewFrame([]byte("to all"), false)
	ran := make(chan struct{}, 1)
	first := func(*Worker) {
		for _, c := range conns {
			c.Send(f)
			c.Send(f)
		}
	}
	second := func(*Worker) { ran <- struct{}{} }
	round := func() {
		_ = w.Post(first)
		_ = w.Post(second)
		<-ran
	}
	for range 10 {
		round()
	}
	if n := testing.AllocsPerRun(200, round); n > 1 {
		t.Errorf("%v allocations for a message to %d members, want at most 1 in all", n, members)
	}
}

// TestEchoAllocs: a small message read and answered with a frame that exists
// allocates nothing, socket to socket.
func TestEchoAllocs(t *testing.T) {
	r := start(t, Config{Workers: 1, MessageRate: 10_000_000, ByteRate: 1 << 30})
	pong := NewFrame([]byte("pong"), false)
	c := connect(t, r, newPeer(func(c *Conn, _ []byte, _ bool) { c.Send(pong) }))
	in, out := frame(ws.OpText, "ping"), make([]byte, pong.Len())
	round := func() {
		_, _ = c.Write(in)
		_, _ = io.ReadFull(c, out)
	}
	round()
	if n := testing.AllocsPerRun(500, round); n != 0 {
		t.Errorf("%v allocations an echo, want 0", n)
	}
}

// TestSlowReader: who does not read is closed with 1008 and costs no more than
// the budget; a neighbour notices nothing.
func TestSlowReader(t *testing.T) {
	r := start(t, Config{Workers: 1, SendBuffer: 256 << 10, CloseTimeout: 200 * time.Millisecond})
	slow, good := newPeer(nil), newPeer(echo)
	connect(t, r, slow)
	neighbour := connect(t, r, good)
	conn := within(t, "Open", slow.conn)
	f := NewFrame(bytes.Repeat([]byte("x"), 10_000), true)
	worst := 0
	eventually(t, "the slow reader is closed", func() bool {
		on(t, conn.Worker(), func(*Worker) { conn.Send(f); worst = max(worst, conn.pending()) })
		return len(slow.closed) > 0
	})
	if why := <-slow.closed; why != SlowReader {
		t.Errorf("closed with %s", why)
	}
	if limit := 256<<10 + reserve + f.Len() + 200; worst > limit || worst < 256<<10 {
		t.Errorf("%d bytes waited at most, want about %d", worst, limit)
	}
	send(t, neighbour, frame(ws.OpText, "still there?"))
	expect(t, neighbour, answer(ws.OpText, "still there?"))
}

// TestSlowReaderIsTold: a slow reader that begins to read finds all that was
// sent, in order, and behind it the close frame.
func TestSlowReaderIsTold(t *testing.T) {
	r := start(t, Config{Workers: 1, SendBuffer: 100_000, CloseTimeout: patience})
	h := newPeer(nil)
	c := connect(t, r, h)
	conn := within(t, "Open", h.conn)
	sent := 0
	for over := false; !over; {
		on(t, conn.Worker(), func(*Worker) {
			conn.Send(NewFrame(fmt.Appendf(nil, "%08d%s", sent, strings.Repeat("x", 5000)), true))
			sent++
			over = conn.state != open
		})
	}
	for i := range sent - 1 { // the last was one too many
		expect(t, c, answer(ws.OpBinary, fmt.Sprintf("%08d%s", i, strings.Repeat("x", 5000))))
	}
	expect(t, c, answerClose(1008, "slow_reader"))
	if n, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %d, %v after the close frame, want the end", n, err)
	}
	c.Close()
	if why := within(t, "Closed", h.closed); why != SlowReader {
		t.Errorf("closed with %s", why)
	}
}

// TestBurst: much in one turn to somebody who reads is no slow reader, and one
// frame over the budget passes if nothing waits.
func TestBurst(t *testing.T) {
	r := start(t, Config{Workers: 1, SendBuffer: 60_000})
	h := newPeer(nil)
	c := connect(t, r, h)
	conn := within(t, "Open", h.conn)
	small, large := NewFrame(make([]byte, 1000), true), NewFrame(make([]byte, 3_000_000), true)
	on(t, conn.Worker(), func(*Worker) {
		for range 65 {
			conn.Send(small)
		}
	})
	expect(t, c, bytes.Repeat(small.encoded, 65))
	on(t, conn.Worker(), func(*Worker) { conn.Send(large) })
	expect(t, c, large.encoded)
}

// TestPongFlood: answers count too. Who pings and does not read is a slow reader.
func TestPongFlood(t *testing.T) {
	r := start(t, Config{Workers: 1, SendBuffer: 50_000, CloseTimeout: 100 * time.Millisecond})
	h := newPeer(nil)
	c := connect(t, r, h)
	pings := bytes.Repeat(frame(ws.OpPing, strings.Repeat("x", 125)), 500)
	for len(h.closed) == 0 {
		if _, err := c.Write(pings); err != nil {
			break
		}
	}
	if why := within(t, "Closed", h.closed); why != SlowReader {
		t.Errorf("closed with %s", why)
	}
}

func TestRemote(t *testing.T) {
	r := start(t, Config{Workers: 1})
	h := newPeer(nil)
	c := connect(t, r, h)
	conn := within(t, "Open", h.conn)
	if conn.RemoteAddr().String() != c.LocalAddr().String() {
		t.Errorf("remote address %s, want %s", conn.RemoteAddr(), c.LocalAddr())
	}
	if conn.Worker() != r.Workers()[0] || conn.Worker().Index() != 0 {
		t.Error("not its worker")
	}
}
