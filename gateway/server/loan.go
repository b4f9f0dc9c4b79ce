package server

import (
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// loan is a worker's loop on loan to the broker for as long as it publishes a batch. What
// can be read then need not wait for another goroutine, and what of it is for the
// worker's own clients not for another turn of the loop. Owned by the loop.
type loan struct {
	relay    *relay
	worker   *reactor.Worker
	receiver broker.Receiver

	// What was handed over for the worker's own clients, to be run when the broker is
	// done: others must not wait for it.
	batch *handover // nil is none
	told  []broker.Outcome
}

func (l *loan) init(r *relay, w *reactor.Worker) {
	l.relay, l.worker = r, w
	l.receiver = broker.Receiver{Deliver: l.deliver, Published: l.published}
}

// publish is the broker's Publish, with the loop lent to it if the broker can borrow and
// nobody is behind. Called on the loop.
func (l *loan) publish(batch []broker.Publication) (taken int, err error) {
	r := l.relay
	if r.lender == nil || !r.roomy() {
		return r.broker.Publish(batch)
	}
	taken, err = r.lender.PublishLent(batch, &l.receiver)
	if h := l.batch; h != nil {
		l.batch = nil
		h.run(l.worker)
	}
	if told := l.told; len(told) > 0 {
		l.told = nil
		tell(told)
	}
	return taken, err
}

// roomy reports whether every worker takes a batch without anybody's waiting.
func (r *relay) roomy() bool {
	for i := range r.lanes {
		if l := &r.lanes[i]; l.full() || l.behind.Load() {
			return false
		}
	}
	return true
}

// deliver is relay.deliver on a loop that is lent. The worker's own part is not posted if
// all that was posted to it before has run: the answers to joins must come before the
// messages that stand after them, and messages in their order. That is asked while nobody
// else can read, so that nothing later is posted before it is run.
func (l *loan) deliver(messages []*broker.Message) {
	r := l.relay
	h := r.encode(messages)
	workers := h.admit(false)
	now := time.Now().UnixNano()
	for i := range workers.each {
		r.heard[i].at.Store(now)
		if i == l.worker.Index() && l.worker.Quiet() {
			l.batch = h
		} else {
			r.lanes[i].post(h, false)
		}
	}
	h.done()
}

// published is relay.outcomes on a loop that is lent.
func (l *loan) published(outcomes []broker.Outcome) {
	for i, part := range l.relay.apportion(outcomes) {
		switch {
		case len(part) == 0:
		case i == l.worker.Index() && l.worker.Quiet():
			l.told = part
		default:
			l.relay.lanes[i].tell(part)
		}
	}
}
