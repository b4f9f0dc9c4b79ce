package reactor

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestOfferPosition is what Offer is for: a client that stops reading gets, once it
// reads again, every message in order, although its owner kept nothing but a
// number. What waits for it meanwhile stays within the budget, and nbio, which
// copies, holds a remnant of it at most.
func TestOfferPosition(t *testing.T) {
	const messages, budget = 400, 100_000
	r := start(t, Config{Workers: 1, SendBuffer: budget})
	message := func(i int) string { return fmt.Sprintf("%08d%s", i, strings.Repeat("x", 5000)) }
	position, told, worst, copied := 0, 0, 0, 0 // the loop's
	offer := func(c *Conn) {
		for position < messages && c.Offer(NewFrame([]byte(message(position)), true)) {
			position++
			worst, copied = max(worst, c.waiting()), max(copied, int(c.copied))
		}
	}
	h := newPeer(nil)
	h.open = offer
	h.drained = func(c *Conn) {
		told++
		if c.waiting() > budget/2 {
			t.Errorf("Drained while %d bytes wait", c.waiting())
		}
		offer(c)
	}
	c := connect(t, r, h)
	conn := within(t, "Open", h.conn)
	// No beat from here on: who is written to again must not owe it to the clock.
	eventually(t, "no beat is on its way", func() bool { return conn.Worker().beating.CompareAndSwap(false, true) })
	on(t, conn.Worker(), func(*Worker) {
		if position == messages || told != 0 {
			t.Errorf("%d messages taken, Drained %d times, before the client has read", position, told)
		}
		for range 10 {
			if conn.Offer(NewFrame([]byte("out of turn"), true)) {
				t.Error("an Offer was taken while Drained is due: it overtakes what was refused")
			}
		}
	})
	for i := range messages {
		expect(t, c, answer(ws.OpBinary, message(i)))
	}
	on(t, conn.Worker(), func(*Worker) {
		if position != messages || told == 0 || told > messages/4 {
			t.Errorf("%d messages taken, Drained %d times", position, told)
		}
		if worst > budget+5100+reference || worst < budget {
			t.Errorf("%d bytes waited at most, the budget is %d", worst, budget)
		}
		if copied == 0 || copied > remnant {
			t.Errorf("nbio held %d bytes, want at most %d", copied, remnant)
		}
		if conn.pending() != 0 || conn.queued != 0 || conn.out != nil || conn.refused {
			t.Errorf("all was read: %d bytes wait, %d of them queued, list %v", conn.pending(), conn.queued, conn.out)
		}
	})
	if n := number(r.config.Metrics, "tidegate_offers_refused_total"); n != told+10 {
		t.Errorf("counted %d refusals, want %d", n, told+10)
	}
}

// TestOfferBurst: much in one turn to somebody who reads is not refused, and one
// frame over the budget is taken if nothing waits.
func TestOfferBurst(t *testing.T) {
	r := start(t, Config{Workers: 1, SendBuffer: 60_000})
	h := newPeer(nil)
	c := connect(t, r, h)
	conn := within(t, "Open", h.conn)
	small, large := NewFrame(make([]byte, 1000), true), NewFrame(make([]byte, 3_000_000), true)
	on(t, conn.Worker(), func(*Worker) {
		for i := range 65 {
			if !conn.Offer(small) {
				t.Error("refused: frame ", i)
			}
		}
	})
	expect(t, c, bytes.Repeat(small.encoded, 65))
	on(t, conn.Worker(), func(*Worker) {
		if !conn.Offer(large) {
			t.Error("refused with nothing waiting")
		}
	})
	expect(t, c, large.encoded)
	on(t, conn.Worker(), func(*Worker) {
		conn.refused = true
		if conn.Offer(small) {
			t.Error("taken before Drained was called: it overtakes what was refused")
		}
	})
}

// stall has a connection refuse an Offer, and returns how many frames it took.
func stall(t *testing.T, conn *Conn, f Frame) (taken int) {
	t.Helper()
	on(t, conn.Worker(), func(*Worker) {
		for conn.Offer(f) {
			taken++
		}
	})
	return taken
}

// TestOfferSmall: the smallest frames take no more memory than others, the list
// that refers to them included.
func TestOfferSmall(t *testing.T) {
	const budget = 50_000
	r := start(t, Config{Workers: 1, SendBuffer: budget})
	h := newPeer(nil)
	connect(t, r, h)
	conn := within(t, "Open", h.conn)
	stall(t, conn, NewFrame([]byte("x"), true))
	on(t, conn.Worker(), func(*Worker) {
		if n := len(conn.out); n*(3+reference) > budget+remnant || n < 1000 {
			t.Errorf("%d frames of 3 bytes wait with a budget of %d", n, budget)
		}
	})
}

// TestSendBeyond: answers pass when groups have filled the budget, in the order in
// which they were sent, and no more of them than the reserve; and the reserve is
// whole again after the client has read.
func TestSendBeyond(t *testing.T) {
	r := start(t, Config{Workers: 1, SendBuffer: 50_000})
	h := newPeer(nil)
	c := connect(t, r, h)
	conn := within(t, "Open", h.conn)
	// One frame may be more than budget and reserve together.
	f, ack := NewFrame(make([]byte, 300_000), true), NewFrame(make([]byte, 1000), false)
	for range 3 {
		taken := stall(t, conn, f)
		const acks = reserve / (1100 + reference)
		on(t, conn.Worker(), func(*Worker) {
			for range acks {
				conn.Send(ack)
			}
		})
		expect(t, c, bytes.Repeat(f.encoded, taken))
		expect(t, c, bytes.Repeat(ack.encoded, acks))
		eventually(t, "Drained", func() (ok bool) {
			on(t, conn.Worker(), func(*Worker) { ok = !conn.refused })
			return ok
		})
	}
	stall(t, conn, f)
	on(t, conn.Worker(), func(*Worker) {
		for range reserve/1000 + 1 {
			conn.Send(ack)
		}
		if conn.state == open || conn.why != SlowReader {
			t.Error("open, with answers beyond the reserve")
		}
		if !conn.Offer(f) {
			t.Error("an Offer to a connection that is ending was refused")
		}
	})
}

// TestDrainedClosing: a connection that is ending is not told that it may go on.
func TestDrainedClosing(t *testing.T) {
	r := start(t, Config{Workers: 1, SendBuffer: 50_000, CloseTimeout: patience})
	h := newPeer(nil)
	h.drained = func(*Conn) { t.Error("Drained after Close") }
	c := connect(t, r, h)
	conn := within(t, "Open", h.conn)
	stall(t, conn, NewFrame(make([]byte, 5000), true))
	on(t, conn.Worker(), func(*Worker) { conn.Close(4000, "enough", "kicked") })
	_ = c.CloseWrite()
	if b, err := io.ReadAll(c); err != nil || len(b) < 50_000 {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
	c.Close()
	within(t, "Closed", h.closed)
}

// TestDrainedPanics costs the connection, and the loop goes on.
func TestDrainedPanics(t *testing.T) {
	r := start(t, Config{Workers: 1, SendBuffer: 50_000})
	h := newPeer(nil)
	h.drained = func(*Conn) { panic("in Drained") }
	c := connect(t, r, h)
	conn := within(t, "Open", h.conn)
	stall(t, conn, NewFrame(make([]byte, 5000), true))
	if b, err := io.ReadAll(c); err != nil || !bytes.HasSuffix(b, answerClose(1011, "internal error")) {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
	c.Close()
	if why := within(t, "Closed", h.closed); why != HandlerPanic {
		t.Errorf("closed with %s", why)
	}
}

// TestOfferAllocs: to queue and write a frame allocates nothing, nor does it to
// refuse one.
func TestOfferAllocs(t *testing.T) {
	r := start(t, Config{Workers: 1, Heartbeat: time.Hour, HeartbeatTimeout: 2 * time.Hour, CloseTimeout: time.Hour})
	good, slow := newPeer(nil), newPeer(nil)
	c := connect(t, r, good)
	go func() { _, _ = io.Copy(io.Discard, c) }()
	connect(t, r, slow)
	reads, stalled := within(t, "Open", good.conn), within(t, "Open", slow.conn)
	f := NewFrame([]byte("to all"), false)
	stall(t, stalled, NewFrame(make([]byte, 100_000), true))
	on(t, reads.Worker(), func(w *Worker) {
		nothing := func(*Worker) {}
		if n := testing.AllocsPerRun(500, func() {
			w.Defer(nothing)
			if !reads.Offer(f) || stalled.Offer(f) {
				t.Error("taken or refused wrongly")
			}
			w.endTurn()
		}); n != 0 {
			t.Errorf("%v allocations, want 0", n)
		}
	})
}
