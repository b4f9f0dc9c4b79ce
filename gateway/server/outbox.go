package server

import (
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// outbox is what the clients of one worker have published and the broker was not given
// yet. It gets it as one batch, so that workers share no lock per message. Owned by the
// loop.
type outbox struct {
	relay   *relay
	batch   []broker.Publication
	spare   []broker.Publication  // empty, for what is published while a batch is handed over
	bytes   int                   // of payload
	before  int                   // messages that earlier turns of the loop have left
	due     bool                  // turn is deferred
	gathers bool                  // and flush waits for more
	turn    func(*reactor.Worker) // endTurn and gathered, bound once, so that a turn allocates nothing
	flush   func(*reactor.Worker)
	loan    loan
}

// The bounds of a batch.
const (
	outboxLimit = 512       // messages, beyond which it is handed over within a turn
	outboxBytes = 256 << 10 // of payload, beyond which it is at the turn's end
	outboxTurn  = 64        // messages of one turn, likewise: they share writes as it is
)

func (r *relay) newOutboxes() {
	r.outboxes = make([]outbox, len(r.server.Workers))
	for i := range r.outboxes {
		o := &r.outboxes[i]
		o.relay, o.turn, o.flush = r, o.endTurn, o.gathered
		o.loan.init(r, r.server.Workers[i])
	}
}

// submit hands a message to the broker, with others that come at about the same time.
// Called on the loop of s.
func (r *relay) submit(s *session, m outgoing) {
	w := s.conn.Worker()
	o := &r.outboxes[w.Index()]
	o.batch = append(o.batch, broker.Publication{
		Message: m.message,
		Receipt: broker.Receipt{To: s, ID: m.ackID, Asked: m.hasAckID},
	})
	o.bytes += len(m.message.Data)
	switch {
	case len(o.batch) >= outboxLimit:
		o.hand(w)
	case !o.due:
		o.due = true
		w.Defer(o.turn)
	}
}

// endTurn hands the batch over, or leaves it until the loop has nothing else to read.
// A broker that reads on the loop delivers at once what it is given, and what it is given
// together shares writes; another gathers by itself.
func (o *outbox) endTurn(w *reactor.Worker) {
	o.due = false
	switch fresh := len(o.batch) - o.before; {
	case len(o.batch) == 0:
	case o.relay.lender == nil, fresh >= outboxTurn, o.bytes >= outboxBytes:
		o.hand(w)
	default:
		o.before = len(o.batch)
		if !o.gathers {
			o.gathers = true
			w.Gather(o.flush)
		}
	}
}

// gathered ends the wait for more. Called on the loop.
func (o *outbox) gathered(w *reactor.Worker) {
	o.gathers = false
	o.hand(w)
}

// hand gives the batch to the broker, and tells whose message was refused. Called on
// the loop.
func (o *outbox) hand(*reactor.Worker) {
	all := o.batch
	o.batch, o.spare = o.spare, nil
	o.bytes, o.before = 0, 0
	o.relay.server.counts.messages.Add(len(all))
	for rest := all; len(rest) > 0; {
		taken, err := o.loan.publish(rest)
		if err == nil {
			break
		}
		refused := rest[taken].Receipt
		refused.To.(*session).published(broker.Outcome{Receipt: refused, Err: err})
		rest = rest[taken+1:]
	}
	clear(all)
	o.spare = all[:0]
}
