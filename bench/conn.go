package main

import (
	"github.com/gobwas/ws"
)

// Conn is one connection of the harness. After dial it belongs to one loop, and
// to whoever reads the result once that loop has ended.
type Conn struct {
	// Static after dial.
	id       int
	group    int    // the group it is a member of, or -1
	firstAck uint64 // the ackId of its turn 0
	place    uint64 // where it stands among its loop's senders

	// Owned by the loop.
	Socket
	message []byte     // the fragments so far
	seen    []Sequence // by slot: what each publisher of its group said
	turns   uint64     // of the schedule that it had, used or not
	acks    Sequence   // the turns that were acked
	refusal string     // the first ack that said no
	fate    string     // why it was closed, if not by us
}

// newConn returns connection id with the bookkeeping that its place calls for.
func newConn(l Layout, id int) *Conn {
	c := &Conn{id: id, group: l.Group(id), Socket: Socket{fd: -1}}
	if c.group >= 0 {
		c.seen = make([]Sequence, l.Slots(c.group))
	}
	return c
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
