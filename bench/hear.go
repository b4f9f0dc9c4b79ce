package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gobwas/ws"
)

// serve goes on with one socket. Every error is the end of the run: here nothing may
// go wrong, or the figures would be of something else.
func (c *Circuit) serve(r readiness) error {
	s := c.socket(r.index)
	if len(s.out) > 0 {
		if err := s.flush(); err != nil {
			return c.lastWords(r.index, fmt.Errorf("writing: %w", err))
		}
	}
	for {
		have, err := s.receive(c.buf)
		if err != nil && again(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("connection %d: the server closed it: %w", r.index, err)
		}
		if c.latency != nil {
			c.now = c.elapsed()
		}
		rest, err := c.frames(r.index, c.buf[:have])
		if err != nil {
			return fmt.Errorf("connection %d: %w", r.index, err)
		}
		s.in = append(s.in[:0], rest...)
		if have < len(c.buf) && !r.ending {
			return nil
		}
	}
}

// lastWords is why a connection could not be written to: what the server has said on it
// before it went, if it has, or the error of the write.
func (c *Circuit) lastWords(id int, err error) error {
	c.socket(id).out = nil
	if said := c.serve(readiness{index: id, ending: true}); said != nil {
		return said
	}
	return err
}

// frames does each whole frame in b and returns what is left.
func (c *Circuit) frames(id int, b []byte) (rest []byte, err error) {
	for {
		h, size, err := frameHeader(b)
		switch {
		case err != nil:
			return nil, err
		case size == 0:
			return b, nil
		case h.Length > int64(len(c.buf)-size):
			return nil, fmt.Errorf("the server sent a frame of %d bytes; the harness reads %d", h.Length, len(c.buf))
		case int64(len(b)-size) < h.Length:
			return b, nil
		}
		end := size + int(h.Length)
		if err := c.hear(id, h, b[size:end]); err != nil {
			return nil, err
		}
		b = b[end:]
	}
}

// hear does one frame.
func (c *Circuit) hear(id int, h ws.Header, b []byte) error {
	switch {
	case h.OpCode == ws.OpText && h.Fin:
		if p, ok := c.find(b); ok && id < len(c.members) {
			return c.delivery(c.members[id], p)
		}
		return c.reply(id, b)
	case h.OpCode == ws.OpPing:
		_, err := c.socket(id).write(appendFrame(nil, ws.OpPong, b))
		return err
	case h.OpCode == ws.OpPong:
		return nil
	case h.OpCode == ws.OpClose:
		return errors.New(closeReason(b))
	}
	return fmt.Errorf("a frame with opcode %d, fin %t: bench limit reads whole text frames", h.OpCode, h.Fin)
}

// find reads the payload of a message: where it is due, or anywhere if the server
// orders its members in another way.
func (c *Circuit) find(b []byte) (Payload, bool) {
	if at := c.template.text; len(b)-at >= c.size {
		if p, ok := readPayload(b[at:]); ok {
			return p, true
		}
	}
	return findPayload(b, c.size)
}

// delivery checks one message at one member.
func (c *Circuit) delivery(m *Member, p Payload) error {
	slot := 0
	switch {
	case m.group < 0 && p.Group < len(m.next):
		slot = p.Group
	case m.group != p.Group:
		return fmt.Errorf("a message to group %d at a member of group %d", p.Group, m.group)
	}
	switch due := m.next[slot]; {
	case p.Seq < due:
		return fmt.Errorf("group %d: message %d came a second time, or late: %d was due", p.Group, p.Seq, due)
	case p.Seq > due:
		return fmt.Errorf("group %d: message %d came when %d was due: lost, or out of order", p.Group, p.Seq, due)
	case p.Seq >= c.published[p.Group]:
		return fmt.Errorf("group %d: message %d came and was never sent", p.Group, p.Seq)
	}
	m.next[slot]++
	c.heard[p.Group]++
	c.owed--
	c.delivered++
	if c.latency != nil {
		record(c.latency, c.now-p.Due)
	}
	return nil
}

// reply does what is no delivery: acks, and what goes wrong.
func (c *Circuit) reply(id int, b []byte) error {
	var p *Publisher
	if id >= len(c.members) {
		p = c.publishers[id-len(c.members)]
	}
	if ticket, ok := quickAck(b); ok && p != nil {
		// In any order: the groups of one publisher have streams of their own.
		n := ticket - firstTicket
		if ticket < firstTicket || n >= p.tickets || p.acks.Observe(n) == Duplicated {
			return fmt.Errorf("an ack of %d came that is of no publish, or not the first", ticket)
		}
		p.answers++
		c.acked++
		return nil
	}
	var r Reply
	switch err := json.Unmarshal(b, &r); {
	case err != nil:
		return fmt.Errorf("a frame that is no JSON and no message of ours: %w", err)
	case r.Type == "ack" && !r.Success:
		return fmt.Errorf("the server refused a publish: %s: %s", r.Error.Name, r.Error.Message)
	case r.Type == "message":
		return errors.New("a message that bench limit did not send, or only part of one")
	case r.Type == "system" && r.Message != "":
		return errors.New("the server said: " + r.Message)
	}
	return nil
}
