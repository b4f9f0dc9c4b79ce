package server

import (
	"encoding/json"
	"log/slog"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// Nodes tell each other to let go of a session over a group of their own, in a hub that
// no client can name.
const nodesHub = ".node"

// releaseLives is how long the answer of a node waits to be read.
const releaseLives = 10 * time.Second

// releaseKey is where a node answers that was asked to let go of a session. It is not the
// session's own key: an answer that comes too late must not stand for what the session
// has become on another node.
func releaseKey(nonce string) string { return "released/" + nonce }

// release is what one node asks of another.
type release struct{ Session, Nonce string }

// order is what a node finds in its own group: that it is to let go of a session, or the
// answer of another node to what it has asked of all.
type order struct {
	release
	Answer *answer `json:",omitempty"`
}

// nodeGroup is the group that a node listens to.
func nodeGroup(id string) broker.Group { return broker.Group{Hub: nodesHub, Name: id} }

// askRelease asks a node to let go of a session. What becomes of the message shows in
// the answer, or in that there is none.
func (s *Server) askRelease(node, session, nonce string) {
	data, _ := json.Marshal(release{session, nonce}) // two strings
	m := &broker.Message{Group: nodeGroup(node), Data: data}
	if _, err := s.relay.broker.Publish([]broker.Publication{{Message: m}}); err != nil {
		s.Log.Debug("a node could not be asked for a session", slog.Any("error", err))
	}
}

// ordered takes what other nodes ask of this one. Called on the broker's read goroutine;
// it does not wait.
func (r *relay) ordered(messages []*broker.Message) {
	for _, m := range messages {
		var o order
		switch err := json.Unmarshal(m.Data, &o); {
		case err != nil: // nobody's but ours, so of another version
		case o.Answer != nil:
			r.server.inquiries.answer(*o.Answer)
		case o.Nonce != "":
			r.server.release(o.release)
		}
	}
}

// release lets go of a session of this node, and answers; also if there is none.
func (s *Server) release(order release) {
	answer := func(c *record) {
		if c == nil {
			c = new(record)
		}
		s.keeper.put(releaseKey(order.Nonce), &keeping{record: c, lives: releaseLives}, nil)
	}
	// A session that loses its connection goes from the attached ones to the records that
	// wait, then to those that are being written: in this order nothing is overlooked.
	old := s.attached.get(order.Session)
	if old == nil {
		c := s.keeper.take(order.Session)
		if c == nil && s.keeper.flies(order.Session) {
			return // who asks finds it in a moment; what was there before must not be taken for it
		}
		answer(c)
		return
	}
	if old.conn.Worker().TryPostUrgent(func(*reactor.Worker) { old.supersede(answer) }) != nil {
		answer(nil) // its worker is too far behind to answer in time
	}
}
