package server

import (
	"slices"

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
	m.Member.late = late
	b := s.openBacklog()
	b.late = append(b.late, m)
	s.server.relay.counts.fellBehind[s.worker()].Inc()
}

// Drained has the late memberships go on: their connection takes messages again.
// Called on the loop.
func (s *session) Drained(*reactor.Conn) {
	if r := s.reliable; r != nil && r.replay != nil {
		r.replay.hand()
		return
	}
	s.goOn()
}

// goOn goes on with all that waits for the connection. Called on the loop.
func (s *session) goOn() {
	s.pursueAll()
	if b := s.backlog; b != nil && len(b.watchers) > 0 {
		s.goOnWatching()
	}
}

// catchUp ends the lateness of a membership: it is live again, or has left. Called on
// the loop.
func (s *session) catchUp(m *membership) {
	if m.Member.late == live {
		return
	}
	m.Member.late = live
	b := s.backlog
	b.late = slices.DeleteFunc(b.late, func(n *membership) bool { return n == m })
	s.closeBacklog()
}
