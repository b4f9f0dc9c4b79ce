package server

import (
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// outbox is what the clients of one worker have published in this turn of its loop.
// At the turn's end the broker gets it as one batch, so that workers share no lock
// per message. Owned by the loop.
type outbox struct {
	relay *relay
	batch []broker.Publication
	due   bool
	flush func(*reactor.Worker) // hand, bound once, so that a turn allocates nothing
}

// outboxLimit is how much gathers before it is handed over within the turn.
const outboxLimit = 512

func (r *relay) newOutboxes() {
	r.outboxes = make([]outbox, len(r.server.Workers))
	for i := range r.outboxes {
		o := &r.outboxes[i]
		o.relay, o.flush = r, o.hand
	}
}

// submit hands a message to the broker, with the others of this turn. Called on the
// loop of s.
func (r *relay) submit(s *session, m outgoing) {
	w := s.conn.Worker()
	o := &r.outboxes[w.Index()]
	o.batch = append(o.batch, broker.Publication{
		Message: m.message,
		Receipt: broker.Receipt{To: s, ID: m.ackID, Asked: m.hasAckID},
	})
	switch {
	case len(o.batch) >= outboxLimit:
		o.hand(w)
	case !o.due:
		o.due = true
		w.Defer(o.flush)
	}
}

// hand gives the batch to the broker, and tells whose message was refused. Called on
// the loop.
func (o *outbox) hand(*reactor.Worker) {
	o.due = false
	all := o.batch
	o.relay.server.counts.messages.Add(len(all))
	for rest := all; len(rest) > 0; {
		taken, err := o.relay.broker.Publish(rest)
		if err == nil {
			break
		}
		refused := rest[taken].Receipt
		refused.To.(*session).published(broker.Outcome{Receipt: refused, Err: err})
		rest = rest[taken+1:]
	}
	clear(all)
	o.batch = all[:0]
}

// outcomes brings each publisher what became of his message: the application's
// request, which waits, at once; the clients of a worker by one post. Called on the
// broker's goroutines.
func (r *relay) outcomes(outcomes []broker.Outcome) {
	parts := make([][]broker.Outcome, len(r.server.Workers))
	for _, o := range outcomes {
		switch to := o.Receipt.To.(type) {
		case chan broker.Outcome:
			to <- o
		case *session:
			if o.Err != nil || o.Receipt.Asked {
				i := to.worker()
				parts[i] = append(parts[i], o)
			}
		}
	}
	for i, part := range parts {
		if len(part) > 0 {
			// A worker that is gone for good has closed its sessions already.
			_ = r.server.Workers[i].PostUrgent(func(*reactor.Worker) { tell(part) })
		}
	}
}

// tell gives sessions of one worker their outcomes. Called on its loop.
func tell(part []broker.Outcome) {
	for _, o := range part {
		o.Receipt.To.(*session).published(o)
	}
}
