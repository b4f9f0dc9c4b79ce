package main

import (
	"github.com/gobwas/ws"
)

// maxPending bounds what a connection's socket has not taken yet. A server that
// stops reading for so long does not hold the rate, and the publish is not sent.
const maxPending = 256 << 10

// Conn is one connection of the harness. After dial it belongs to one loop, and
// to whoever reads the result once that loop has ended.
type Conn struct {
	// Static after dial.
	id       int
	group    int    // the group it is a member of, or -1
	firstAck uint64 // the ackId of its turn 0
	place    uint64 // where it stands among its loop's senders

	// Owned by the loop.
	fd      int        // -1 once closed
	in      []byte     // the start of a frame whose rest has not come yet
	message []byte     // the fragments so far
	out     []byte     // what the socket did not take yet
	seen    []Sequence // by slot: what each publisher of its group said
	turns   uint64     // of the schedule that it had, used or not
	acks    Sequence   // the turns that were acked
	refusal string     // the first ack that said no
	fate    string     // why it was closed, if not by us
}

// newConn returns connection id with the bookkeeping that its place calls for.
func newConn(l Layout, id int) *Conn {
	c := &Conn{id: id, group: l.Group(id), fd: -1}
	if c.group >= 0 {
		c.seen = make([]Sequence, l.Slots(c.group))
	}
	return c
}

// write sends b, or keeps what the socket does not take; it never waits, which is
// why the harness cannot deadlock with a server that waits for it to read. False if
// nothing of b was taken because too much is pending already.
func (c *Conn) write(b []byte) (taken bool, err error) {
	if len(c.out) > 0 {
		if len(c.out)+len(b) > maxPending {
			return false, nil
		}
		c.out = append(c.out, b...)
		return true, nil
	}
	n, err := writeSocket(c.fd, b)
	if err != nil && !again(err) {
		return false, err
	}
	c.out = append(c.out, b[n:]...)
	return true, nil
}

// flush goes on with what write kept.
func (c *Conn) flush() error {
	n, err := writeSocket(c.fd, c.out)
	if err != nil && !again(err) {
		return err
	}
	if c.out = append(c.out[:0], c.out[n:]...); len(c.out) == 0 {
		c.out = nil // a server that stalled once would cost this for ever
	}
	return nil
}

// leave ends the connection politely, as far as that needs no waiting.
func (c *Conn) leave() {
	if c.fd < 0 {
		return
	}
	if len(c.out) == 0 {
		_, _ = writeSocket(c.fd, appendFrame(nil, ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
	}
	closeSocket(c.fd)
	c.fd = -1
}
