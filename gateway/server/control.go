package server

import (
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// Nodes hear what the application wants done with connections over one group, in a hub
// that no client can name: all of them, in the same order. Each does its part and answers
// whoever asks in that node's own group.

// controlGroup is that group.
func controlGroup() broker.Group { return broker.Group{Hub: nodesHub, Name: "control"} }

// inquiry is an order on its way to the nodes.
type inquiry struct {
	Order Order
	Nonce string
	From  string // the node that is to be answered
}

// answer is what one node has to say of it.
type answer struct {
	Nonce string
	Node  string
	Tally Tally
}

// controlled does what the application wants of this node's connections. Called on the
// broker's read goroutine; it does not wait.
func (r *relay) controlled(messages []*broker.Message) {
	for _, m := range messages {
		if m.Lost {
			r.server.recheckAll()
			continue
		}
		var q inquiry
		if err := json.Unmarshal(m.Data, &q); err != nil || q.Nonce == "" {
			r.server.Log.Warn("an order to all nodes cannot be read: it is of another version, or nobody's", "position", m.Position.String())
			continue
		}
		r.server.control(&q)
	}
}

// control gives every worker its part of an order.
func (s *Server) control(q *inquiry) {
	s.remember(&q.Order)
	x := &execution{server: s, inquiry: q}
	if change := q.Order.amendment(); change != nil && q.Order.Connection != "" && s.keeper.amend(&q.Order, change) {
		x.tally.add(Tally{Found: 1, Done: 1})
	}
	x.left.Store(int64(len(s.Workers)))
	for i := range s.errands {
		e := errand{do: func() { x.run(&s.directories[i]) }, over: func() { x.finish(Tally{}) }}
		if !s.errands[i].add(e) {
			x.finish(Tally{Fault: "node " + s.node + " is too far behind: try again"})
		}
	}
}

// remember notes an order for sessions that are on their way.
func (s *Server) remember(o *Order) {
	now := time.Now()
	switch o.Verb {
	case Disconnect:
		if id, ok := parseConnectionID(o.Connection); ok {
			s.closedLately.note(hubConnection{o.Hub, id}, 0, now)
			s.keeper.drop(o)
		}
	case Revoke:
		s.revokedLately.note(account{o.Hub, o.User}, o.At, now)
		s.revocations.extend(now.Add(s.Revoked))
	}
}

// execution is an order that this node carries out.
type execution struct {
	server  *Server
	inquiry *inquiry
	left    atomic.Int64 // workers and sessions that are not done
	tally   tallies
}

// run is one worker's part. Called on its loop.
func (x *execution) run(d *directory) {
	o := &x.inquiry.Order
	for s := range d.of(o) {
		if s.stage == departed || o.excludes(s) {
			continue
		}
		x.left.Add(1)
		s.obey(o, func(ok bool, fault string) {
			t := Tally{Found: 1, Fault: fault}
			if ok {
				t.Done = 1
			}
			x.finish(t)
		})
	}
	x.finish(Tally{})
}

// finish counts a worker or a session; the last one answers.
func (x *execution) finish(t Tally) {
	x.tally.add(t)
	if x.left.Add(-1) > 0 {
		return
	}
	s, q := x.server, x.inquiry
	if q.Nonce == "" {
		return // nobody has asked
	}
	a := answer{q.Nonce, s.node, x.tally.sum()}
	if q.From == s.node {
		s.inquiries.answer(a)
		return
	}
	data, _ := json.Marshal(order{Answer: &a}) // strings and numbers
	m := &broker.Message{Group: nodeGroup(q.From), Data: data}
	if _, err := s.relay.broker.Publish([]broker.Publication{{Message: m}}); err != nil {
		s.Log.Debug("a node could not be answered", slog.Any("error", err))
	}
}
