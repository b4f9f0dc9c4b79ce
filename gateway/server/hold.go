package server

import (
	"slices"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/wire"
)

// The bounds of what a client may say to groups that are still being opened for
// it. Beyond them its messages are refused as those are that find the broker's
// queue full.
const (
	heldMessages = 64
	heldBytes    = 1 << 20
)

// outgoing is one message of a client on its way up, and how to answer it.
type outgoing struct {
	message  *broker.Message
	ackID    uint64
	hasAckID bool
}

// held is a message to a group that its sender has asked to join, and that is not
// open yet.
type held struct {
	outgoing
	membership *membership
}

// hold keeps a message until its sender is in the group: requests are done in the
// order in which they were sent, so who joins and then speaks hears himself. It
// reports whether the message was kept, or refused for want of room; if not, the
// message may go on at once. Called on the loop.
func (s *session) hold(o outgoing) bool {
	m := s.membership(o.message.Group.Name)
	if m == nil || m.Member.from != notYet {
		return false
	}
	b, size := s.openBacklog(), len(o.message.Data)
	for _, h := range b.held {
		size += len(h.message.Data)
	}
	if len(b.held) >= heldMessages || size > heldBytes {
		s.refuse(&wire.Request{AckID: o.ackID, HasAckID: o.hasAckID}, refusal{
			faultHeld, wire.InternalServerError, "the message was not taken: too many wait for the group to be opened; send it again later",
		})
		return true
	}
	b.held = append(b.held, held{o, m})
	return true
}

// release sends on what was held for a membership, in order. Called on the loop.
func (s *session) release(m *membership) {
	b := s.backlog
	if b == nil || len(b.held) == 0 {
		return
	}
	all := b.held
	b.held = slices.DeleteFunc(slices.Clone(all), func(h held) bool { return h.membership == m })
	s.closeBacklog()
	for _, h := range all {
		if h.membership == m {
			s.server.relay.submit(s, h.outgoing)
		}
	}
}
