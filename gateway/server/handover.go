package server

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// handover is a batch of messages on its way from the broker to the workers, one for
// all of them. It is used again when the last worker has run it, so that messages
// cost the frame in which they go out, and nothing else.
type handover struct {
	relay      *relay
	deliveries []delivery
	frames     reactor.Builder
	run        func(*reactor.Worker) // runOn, bound once
	left       atomic.Int32          // workers that have not run it yet
}

func (r *relay) newHandover() *handover {
	if h, ok := r.handovers.Get().(*handover); ok {
		return h
	}
	h := &handover{relay: r}
	h.run = h.runOn
	return h
}

// deliver is the way DOWN: each message is encoded once per dialect, whatever the number
// of members, and each worker that has some gets the batch at once. Called
// on the broker's read goroutine; it waits while every worker has as much before it as
// it may, which is the back-pressure.
func (r *relay) deliver(messages []*broker.Message) {
	if i := slices.IndexFunc(messages, func(m *broker.Message) bool { return m.Lost }); i >= 0 {
		r.deliver(messages[:i])
		r.gap(messages[i].Group, messages[i].Position)
		r.deliver(messages[i+1:])
		return
	}
	if len(messages) == 0 {
		return
	}
	h := r.encode(messages)
	workers := h.admit(true)
	now := time.Now().UnixNano()
	// No topic is locked here: a worker that waits for one to join somebody would
	// never make room in its queue.
	for i := range workers.each {
		r.heard[i].at.Store(now)
		r.lanes[i].post(h, true)
	}
	h.done()
}

// encode makes a batch of messages.
func (r *relay) encode(messages []*broker.Message) *handover {
	h := r.newHandover()
	for len(messages) > 0 {
		n := 1 // a stream is read in pages, so its messages stand together
		for n < len(messages) && messages[n].Group == messages[0].Group {
			n++
		}
		h.add(messages[:n])
		messages = messages[n:]
	}
	return h
}

// add encodes messages of one group for those who are in it.
func (h *handover) add(messages []*broker.Message) {
	r := h.relay
	if a := r.server.attendance; a.owns(messages[0].Group) {
		a.keeper.Deliver(messages)
		return
	}
	t := r.lookup(messages[0].Group)
	if t == nil {
		switch g := messages[0].Group; {
		case g == controlGroup():
			r.controlled(messages)
		case g.Hub == nodesHub:
			r.ordered(messages)
		}
		return
	}
	s := t.advance(messages[len(messages)-1].Position)
	if s.workers.empty() {
		return
	}
	if s.previous.IsZero() {
		r.begin(t, messages[0].Position)
	}
	for len(messages) > 0 {
		n := run(messages)
		h.deliveries = append(h.deliveries, delivery{relay: r, topic: t, workers: s.workers, previous: s.previous})
		d := &h.deliveries[len(h.deliveries)-1]
		d.encode(&h.frames, messages[:n], s.wanted, s.gap)
		s.previous, s.gap, messages = d.last, false, messages[n:]
	}
}

// admit puts the batch on its workers' lanes and returns who runs it; it waits for room
// if it may. The caller holds one share of it himself, until he has posted it to all of
// them.
func (h *handover) admit(wait bool) (workers workerSet) {
	for i := range h.relay.lanes {
		if h.relay.lanes[i].admit(h, wait) {
			workers.add(i)
			h.left.Add(1)
		}
	}
	h.left.Add(1)
	return workers
}

// part is how much of the batch one worker has.
func (h *handover) part(worker int) (messages, bytes int64) {
	for at := range h.deliveries {
		if d := &h.deliveries[at]; d.workers.has(worker) {
			messages, bytes = messages+int64(d.messages), bytes+int64(d.bytes)
		}
	}
	return messages, bytes
}

// runOn sends the batch to its groups' members on one worker. Called on its loop.
func (h *handover) runOn(w *reactor.Worker) {
	i, now := w.Index(), time.Now()
	defer h.ran(&h.relay.lanes[i])
	for at := range h.deliveries {
		if d := &h.deliveries[at]; d.workers.has(i) {
			h.relay.counts.took(i, d.run(w), now, d)
		}
	}
}

// ran ends a worker's part, even if the loop ended in the middle of it.
func (h *handover) ran(l *lane) {
	l.release(h)
	h.done()
	if l.behind.Load() {
		l.collect()
	}
}

// done gives back one share of the batch; with the last it may be used again.
func (h *handover) done() {
	if h.left.Add(-1) > 0 {
		return
	}
	clear(h.deliveries)
	h.deliveries = h.deliveries[:0]
	h.relay.handovers.Put(h)
}
