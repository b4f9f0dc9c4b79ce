package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gobwas/ws"
)

// read takes what one socket has and reports whether there may be more. A read
// that does not fill the buffer took all there was, unless the end of the stream
// stands behind it.
func (l *Loop) read(c *Conn, ending bool) (more bool) {
	have, err := c.receive(l.buf)
	if err != nil && again(err) {
		return false
	}
	if err != nil {
		l.drop(c, fmt.Sprintf("the connection broke without a close frame: %v", err))
		return false
	}
	// After the read and not before: what arrived while the loop was busy has
	// waited, and that is part of the latency.
	l.now = l.course.Elapsed()
	rest, err := l.frames(c, l.buf[:have])
	if err != nil {
		l.drop(c, err.Error())
		return false
	}
	c.in = append(c.in[:0], rest...)
	return ending || have == len(l.buf)
}

// frames handles each whole frame in b and returns what is left.
func (l *Loop) frames(c *Conn, b []byte) (rest []byte, err error) {
	for {
		h, size, err := frameHeader(b)
		switch {
		case err != nil:
			return nil, err
		case size == 0:
			return b, nil
		case h.Length > int64(len(l.buf)-size):
			return nil, fmt.Errorf("the server sent a frame of %d bytes; the harness reads %d", h.Length, len(l.buf))
		case int64(len(b)-size) < h.Length:
			return b, nil
		}
		end := size + int(h.Length)
		if err := l.handle(c, h, b[size:end]); err != nil {
			return nil, err
		}
		b = b[end:]
	}
}

// handle does one frame. An error closes the connection.
func (l *Loop) handle(c *Conn, h ws.Header, payload []byte) error {
	switch h.OpCode {
	case ws.OpText, ws.OpBinary:
		if h.Fin {
			l.message(c, payload)
			return nil
		}
		c.message = append(c.message[:0], payload...)
	case ws.OpContinuation:
		if len(c.message)+len(payload) > len(l.buf) {
			return fmt.Errorf("the server sent a message of more than %d bytes", len(l.buf))
		}
		c.message = append(c.message, payload...)
		if h.Fin {
			l.message(c, c.message)
			c.message = nil
		}
	case ws.OpPing:
		// A gateway closes who does not answer; the pong may wait behind publishes.
		l.send(c, appendFrame(nil, ws.OpPong, payload))
	case ws.OpClose:
		return errors.New(closeReason(payload))
	}
	return nil
}

// message does one message: a delivery, if it carries a payload of ours. Under load
// every frame is a delivery or an ack, and both are known by their bytes; only what
// is left over is decoded.
func (l *Loop) message(c *Conn, b []byte) {
	if p, ok := findPayload(b, l.plan.Size); ok {
		l.delivery(c, p)
		return
	}
	if id, ok := quickAck(b); ok {
		l.ack(c, id)
		return
	}
	var r Reply
	err := json.Unmarshal(b, &r)
	switch {
	case err != nil || r.Type == "message":
		l.window.Faults.Foreign++
	case r.Type == "ack" && r.Success:
		l.ack(c, r.AckID)
	case r.Type == "ack":
		l.refusal(c, r)
	case r.Type == "system" && r.Message != "":
		c.fate = "the server said: " + r.Message
	}
}

// delivery checks one message of ours at one receiver.
func (l *Loop) delivery(c *Conn, p Payload) {
	// The payload says where it was sent to, and the connection where it is: nothing
	// but the two can tell a message that a server put into the wrong group.
	if p.Group != c.group || p.Slot >= len(c.seen) {
		l.window.Faults.Misrouted++
		return
	}
	switch c.seen[p.Slot].Observe(p.Seq) {
	case Duplicated:
		l.window.Faults.Duplicated++
		return // the first of the two has been counted and timed
	case Reordered:
		l.window.Faults.Reordered++
	}
	l.tally.Delivered++
	if l.observe != nil {
		l.observe(c, p, l.now)
	}
	fresh := Counts{Delivered: 1}
	if l.now < l.course.End()+grace {
		fresh.OnTime = 1
	}
	l.count(p.Due, fresh)
	if l.course.Measures(p.Due) {
		record(l.window.Latency, l.now-p.Due)
	}
}

// ack notes that the server took the publish with this ackId.
func (l *Loop) ack(c *Conn, id uint64) {
	turn := id - c.firstAck
	// Below firstAck are the joins, whose acks dial has read.
	if id < c.firstAck || turn >= c.turns {
		l.window.Faults.Foreign++
		return
	}
	// When a turn was due need not be remembered: the schedule is a function.
	due := l.pacer.Due(turn*uint64(len(l.senders)) + c.place)
	if l.acked(c, turn, due) && l.course.Measures(due) {
		record(l.window.Acks, l.now-due)
	}
}

// acked counts a publish as taken: from now on each member is owed it. False if it
// was counted before.
func (l *Loop) acked(c *Conn, turn uint64, due time.Duration) bool {
	if c.acks.Observe(turn) == Duplicated {
		l.window.Faults.Foreign++
		return false
	}
	group, _, _ := l.layout.Target(c.id, turn)
	l.tally.Answered++
	l.tally.Promised += uint64(l.layout.Size(group))
	l.count(due, Counts{Acked: 1})
	return true
}

// refusal notes a publish that the server did not take.
func (l *Loop) refusal(c *Conn, r Reply) {
	if c.refusal == "" {
		c.refusal = r.Error.Name + ": " + r.Error.Message
	}
	l.tally.Answered++
	turn := r.AckID - c.firstAck
	l.count(l.pacer.Due(turn*uint64(len(l.senders))+c.place), Counts{Refused: 1})
}

// quickAck reads the ack of a success, in whatever order its members come. False
// means no more than that the frame wants a closer look: members with blanks, say,
// which a server may write and ours does not.
func quickAck(b []byte) (id uint64, ok bool) {
	if !bytes.HasPrefix(b, []byte(`{"type":"ack"`)) || !bytes.Contains(b, []byte(`"success":true`)) {
		return 0, false
	}
	const member = `"ackId":`
	at := bytes.Index(b, []byte(member))
	if at < 0 {
		return 0, false
	}
	for _, d := range b[at+len(member):] {
		if d < '0' || d > '9' {
			break
		}
		id, ok = id*10+uint64(d-'0'), true
	}
	return id, ok
}
