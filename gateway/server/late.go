package server

import (
	"slices"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// lateness is how a member stands to its group's messages.
type lateness uint8

const (
	live    lateness = iota // gets them as they come
	late                    // has a position, and waits for its connection to take messages again
	pursued                 // is being given what stands after its position
)

// fallBehind notes from where a member is to go on whose connection did not take the
// message after previous. From then on messages of the group pass it by: a slow
// reader costs a position and not the messages. Called on the loop.
func (s *session) fallBehind(m *membership, previous broker.Position) {
	if m.Member.from.Before(previous) {
		m.Member.from = previous
	}
	if m.Member.from.IsZero() {
		// The group's very first message. Of the position before it no broker can say
		// later whether all that came after it is still there.
		s.conn.Close(ws.StatusPolicyViolation, "too slow", reactor.SlowReader)
		return
	}
	m.Member.late = late
	s.late = append(s.late, m)
	s.server.relay.counts.fellBehind[s.conn.Worker().Index()].Inc()
}

// Drained has the late memberships go on: their connection takes messages again.
// Called on the loop.
func (s *session) Drained(c *reactor.Conn) {
	for _, m := range s.late {
		if m.Member.late == late {
			s.server.relay.pursue(c.Worker(), m)
		}
	}
}

// catchUp ends the lateness of a membership: it is live again, or has left. Called on
// the loop.
func (s *session) catchUp(m *membership) {
	if m.Member.late == live {
		return
	}
	m.Member.late = live
	if s.late = slices.DeleteFunc(s.late, func(n *membership) bool { return n == m }); len(s.late) == 0 {
		s.late = nil
	}
}
