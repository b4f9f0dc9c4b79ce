package server

import (
	"sync"
	"sync/atomic"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/wire"
)

// relay carries messages between the sessions and the broker: publish is the way
// up, deliver the way down. In between stand the topics: which groups are open on
// this node, and which workers have members in them.
type relay struct {
	// Static after New.
	server *Server
	broker broker.Broker
	lender broker.Lender // the same; nil if it is none
	counts relayCounts

	outboxes  []outbox                     // one per worker, each owned by its worker's loop
	pursuits  []map[*topic]*pursuit        // likewise
	gaps      []map[*topic]broker.Position // likewise; behind which a group goes on, of groups that have members
	lookups   []lookups                    // likewise
	reliables []reliables                  // likewise
	heard     []heard                      // by worker
	lanes     []lane                       // likewise
	room      room
	handovers sync.Pool // of *handover, to be used again

	gapAt   atomic.Int64 // when the last gap was found, in Unix seconds; 0 is never
	idle    idleList
	mu      sync.RWMutex // guards topics; taken before a topic's own
	topics  topics
	pinned  int                        // of them, that stay open without members
	waiting map[*topic][]waiter        // for the topic to be opened
	first   map[*topic]broker.Position // of the first message, where there was none when the topic was opened
}

func newRelay(s *Server) *relay {
	r := &relay{server: s, topics: make(topics), waiting: make(map[*topic][]waiter), first: make(map[*topic]broker.Position)}
	r.newOutboxes()
	r.heard = make([]heard, len(s.Workers))
	r.newLanes(s.Metrics)
	r.newLookups(s.Metrics)
	r.newReliables(s.Metrics)
	for range s.Workers {
		r.pursuits = append(r.pursuits, make(map[*topic]*pursuit))
		r.gaps = append(r.gaps, make(map[*topic]broker.Position))
	}
	r.counts.init(s.Metrics, len(s.Workers), r.groups)
	return r
}

// receiver is where the broker hands over what it reads.
func (r *relay) receiver() broker.Receiver {
	return broker.Receiver{Published: r.outcomes, Opened: r.opened, Deliver: r.deliver, Gap: r.gap}
}

// publish is the way UP: permission, then the message is handed to the broker, with
// all that this turn of the loop still brings; the ack goes out when the broker has
// it. Called on the loop of s; it never waits. The request points into the reactor's
// buffer, so the payload is copied here, once.
func (r *relay) publish(s *session, q *wire.Request) {
	if err := wire.CheckGroup(q.Group, s.server.Limits.GroupNameBytes); err != nil {
		s.refuse(q, refusal{faultBadRequest, wire.BadRequest, err.Error()})
		return
	}
	if !s.identity.Permissions.MaySend(q.Group) {
		s.refuse(q, refusal{faultForbidden, wire.Forbidden, "the client may not send to group " + q.Group})
		return
	}
	if !s.fresh(q) {
		return
	}
	m := newMessage(q.Data)
	m.Group = broker.Group{Hub: s.hub, Name: q.Group}
	m.Type = broker.DataType(q.Type)
	m.User = s.identity.User
	m.Meta = string(q.Metadata)
	if q.NoEcho {
		m.Exclude = s.id.String()
	}
	o := outgoing{message: m, ackID: q.AckID, hasAckID: q.HasAckID}
	if !s.hold(o) {
		r.submit(s, o)
	}
}

// published tells a client what became of its message. Called on the loop.
func (s *session) published(o broker.Outcome) {
	if o.Err == nil {
		s.answer(o.Receipt.ID, o.Position.String())
		return
	}
	f, text := brokerFault(o.Err)
	s.refuse(&wire.Request{AckID: o.Receipt.ID, HasAckID: o.Receipt.Asked}, refusal{f, wire.InternalServerError, text})
	if s.dialect == simpleDialect {
		s.conn.Close(tryAgainLater, text, closedNotTaken)
	}
}

// lookup is the topic of a group that is open or being opened, or nil.
func (r *relay) lookup(g broker.Group) *topic {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.topics.of(g)
}

// begin notes where a topic's stream began, for a read from the start: what it gives
// must begin there, too.
func (r *relay) begin(t *topic, at broker.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.topics.of(t.group) == t {
		r.first[t] = at
	}
}

// began is what begin has noted.
func (r *relay) began(t *topic) broker.Position {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.first[t]
}

// groups is how many groups are open on this node.
func (r *relay) groups() float64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return float64(r.topics.len())
}
