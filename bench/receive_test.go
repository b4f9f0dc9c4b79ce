package main

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestQuickAck(t *testing.T) {
	f := func(in string, id uint64, ok bool) {
		t.Helper()
		if got, gotOK := quickAck([]byte(in)); got != id || gotOK != ok {
			t.Errorf("%s: %d, %v; want %d, %v", in, got, gotOK, id, ok)
		}
	}
	f(`{"type":"ack","ackId":17,"success":true,"position":"1-0"}`, 17, true)
	f(`{"type":"ack","success":true,"ackId":18446744073709551615}`, 18446744073709551615, true)
	f(`{"type":"ack","ackId":17,"success":false,"error":{"name":"Forbidden"}}`, 0, false)
	f(`{"type":"ack","success":true}`, 0, false)
	f(`{"type":"ack","ackId":"17","success":true}`, 0, false)
	f(`{"type":"message","data":"{\"type\":\"ack\",\"ackId\":1,\"success\":true}"}`, 0, false)
	f(`{ "type": "ack", "ackId": 1, "success": true }`, 0, false) // for the decoder to read
	f(``, 0, false)
}

// testLoop returns a loop that has read nothing yet, and connection 0 of it.
func testLoop() (*Loop, *Conn) {
	p := defaultPlan()
	p.Connections, p.Groups, p.Size, p.Run = 2, 1, 64, "1"
	l := &Loop{plan: p, layout: p.Layout(), course: newCourse(p), window: newWindow(0), buf: make([]byte, 4096)}
	l.pacer = Pacer{Rate: p.Rate, Shares: 1}
	c := newConn(l.layout, 0)
	c.fd, c.firstAck, c.turns = 1<<30, 2, 10 // a descriptor that nobody has: nothing may be written
	l.senders = []*Conn{c}
	return l, c
}

// However the bytes are cut, the same messages come out.
func TestFramesInPieces(t *testing.T) {
	var stream []byte
	for seq := range uint64(20) {
		text := appendPayload(nil, Payload{Seq: seq, Due: 3 * time.Second}, 64+int(seq)*20)
		stream = append(stream, ws.MustCompileFrame(ws.NewTextFrame(text))...)
	}
	for _, piece := range []int{1, 2, 3, 7, 64, 100, 1000, 3000} {
		l, c := testLoop()
		for part := range slices.Chunk(stream, piece) {
			have := copy(l.buf, c.in)
			have += copy(l.buf[have:], part)
			rest, err := l.frames(c, l.buf[:have])
			if err != nil {
				t.Fatal(err)
			}
			c.in = append(c.in[:0], rest...)
		}
		if l.window.All.Delivered != 20 || len(c.in) != 0 || l.window.Faults != (Faults{}) {
			t.Errorf("in pieces of %d: %d delivered, %d bytes left, %+v", piece, l.window.All.Delivered, len(c.in), l.window.Faults)
		}
	}
}

func TestFramesRefuse(t *testing.T) {
	f := func(b []byte, want string) {
		t.Helper()
		l, c := testLoop()
		if _, err := l.frames(c, b); err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("%.20x: %v, want %q", b, err, want)
		}
	}
	f(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte("x")))), "masks")
	f(ws.MustCompileFrame(ws.NewTextFrame(make([]byte, 5000))), "a frame of 5000 bytes")
	f(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(1001, "bye"))), "1001 (bye)")
	start := ws.MustCompileFrame(ws.NewFrame(ws.OpText, false, make([]byte, 3000)))
	more := ws.MustCompileFrame(ws.NewFrame(ws.OpContinuation, false, make([]byte, 3000)))
	f(append(start, more...), "a message of more than 4096 bytes")
}

// Each kind of message is counted where it belongs.
func TestMessage(t *testing.T) {
	f := func(want Counts, faults Faults, messages ...string) {
		t.Helper()
		l, c := testLoop()
		for _, m := range messages {
			l.message(c, []byte(m))
		}
		if l.window.All != want || l.window.Faults != faults {
			t.Errorf("%q: %+v and %+v, want %+v and %+v", messages, l.window.All, l.window.Faults, want, faults)
		}
	}
	say := func(p Payload) string { return string(appendPayload(nil, p, 64)) }
	got := Counts{Delivered: 1, OnTime: 1}
	f(got, Faults{}, say(Payload{}))
	f(got, Faults{Duplicated: 1}, say(Payload{}), say(Payload{}))
	f(Counts{Delivered: 2, OnTime: 2}, Faults{Reordered: 1}, say(Payload{Seq: 1}), say(Payload{}))
	f(Counts{}, Faults{Misrouted: 1}, say(Payload{Group: 1}))
	f(Counts{}, Faults{Misrouted: 1}, say(Payload{Slot: 2}))
	f(Counts{}, Faults{Foreign: 1}, `{"type":"message","data":"hello"}`)
	f(Counts{}, Faults{Foreign: 1}, `hello`)
	f(Counts{}, Faults{}, `{"type":"system","event":"connected"}`)
	f(Counts{}, Faults{}, `{"type":"pong"}`)
	f(Counts{Acked: 1}, Faults{}, `{"type":"ack","ackId":2,"success":true}`)
	f(Counts{Acked: 1}, Faults{}, `{ "success": true, "ackId": 11, "type": "ack" }`)
	f(Counts{Acked: 1}, Faults{Foreign: 1}, `{"type":"ack","ackId":2,"success":true}`, `{"type":"ack","ackId":2,"success":true}`)
	f(Counts{}, Faults{Foreign: 1}, `{"type":"ack","ackId":1,"success":true}`)  // of the join
	f(Counts{}, Faults{Foreign: 1}, `{"type":"ack","ackId":12,"success":true}`) // not asked for yet
	f(Counts{Refused: 1}, Faults{}, `{"type":"ack","ackId":3,"success":false,"error":{"name":"Forbidden","message":"no"}}`)
}

// The receive path of a loaded harness makes no garbage.
func TestReceiveDoesNotAllocate(t *testing.T) {
	l, c := testLoop()
	var seq uint64
	frame := ws.MustCompileFrame(ws.NewTextFrame(appendPayload(nil, Payload{Due: 3 * time.Second}, 64)))
	n := testing.AllocsPerRun(1000, func() {
		appendPayload(frame[:2], Payload{Seq: seq, Due: 3 * time.Second}, 64)
		seq++
		if _, err := l.frames(c, frame); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 || l.window.All.Delivered != seq {
		t.Errorf("%v allocations a delivery, want 0; %d of %d delivered", n, l.window.All.Delivered, seq)
	}
}

func BenchmarkReceive(b *testing.B) {
	l, c := testLoop()
	text := []byte(`{"type":"message","from":"group","group":"bench-1-0","dataType":"text","data":"`)
	frame := ws.MustCompileFrame(ws.NewTextFrame(append(text, appendPayload(nil, Payload{}, 128)...)))
	at := bytes.Index(frame, []byte(magic))
	var seq uint64
	for b.Loop() {
		appendPayload(frame[:at], Payload{Seq: seq, Due: 3 * time.Second}, 128)
		seq++
		if _, err := l.frames(c, frame); err != nil {
			b.Fatal(err)
		}
	}
	if l.window.All.Delivered != seq {
		b.Fatalf("%d of %d delivered", l.window.All.Delivered, seq)
	}
}
