package server

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// The bounds of a lane; a batch that finds it below them gets in whole.
const (
	laneMessages = 16 << 10
	laneBytes    = 16 << 20
)

// lane is what one worker has before it: messages that were handed over to it and that
// it has not run. A worker that is full while another is not holds nobody up: it misses
// the messages, and its members of those groups are late, as slow readers are, and get
// them from the stream. Only when all are full does the broker's reader wait.
type lane struct {
	relay  *relay
	worker *reactor.Worker

	messages, bytes atomic.Int64 // handed over and not run
	passed          *metrics.Counter

	behind atomic.Bool // there is something for collect
	mu     sync.Mutex  // guards what follows
	missed map[*topic]struct{}
	untold []broker.Outcome // for sessions of the worker
}

// newLanes gives every worker its own.
func (r *relay) newLanes(set *metrics.Set) {
	r.room.changed.L = &r.room.mu
	r.room.waits = set.NewCounter("tidegate_handover_waits_total")
	r.lanes = make([]lane, len(r.server.Workers))
	for i, w := range r.server.Workers {
		l := &r.lanes[i]
		l.relay, l.worker, l.missed = r, w, make(map[*topic]struct{})
		label := `{worker="` + strconv.Itoa(i) + `"}`
		l.passed = set.NewCounter("tidegate_handover_missed_total" + label)
		set.NewGauge("tidegate_handover_messages"+label, func() float64 { return float64(l.messages.Load()) })
		set.NewGauge("tidegate_handover_bytes"+label, func() float64 { return float64(l.bytes.Load()) })
	}
}

// full reports whether nothing more gets in.
func (l *lane) full() bool {
	return l.messages.Load() >= laneMessages || l.bytes.Load() >= laneBytes
}

// admit puts the worker's part of a batch on the lane, and waits if it must and may;
// who may not has looked for room before. What the worker misses is taken out of the
// batch; false says that nothing is left. Called by whoever reads for the broker, before
// the batch is posted to any worker.
func (l *lane) admit(h *handover, wait bool) bool {
	full := wait && l.full() && !l.relay.awaitRoom(l)
	if full || l.behind.Load() {
		l.pass(h, full)
	}
	messages, bytes := h.part(l.worker.Index())
	l.messages.Add(messages)
	l.bytes.Add(bytes)
	return messages > 0
}

// pass leaves out of a batch what the worker does not get: all of it, or what belongs
// to groups of which it has missed something before.
func (l *lane) pass(h *handover, all bool) {
	i := l.worker.Index()
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := range h.deliveries {
		d := &h.deliveries[at]
		if _, missed := l.missed[d.topic]; d.workers.has(i) && (all || missed) {
			l.miss(d.topic, d.messages)
			d.workers.remove(i)
		}
	}
	l.expect()
}

// miss notes that the worker does not get a message of a topic. Called with mu held,
// and then expect.
func (l *lane) miss(t *topic, messages int) {
	l.missed[t] = struct{}{}
	l.behind.Store(true)
	l.passed.Add(messages)
}

// expect sees to it that what was missed is collected: by the end of what is on the
// lane, or, if there is nothing, by a post.
func (l *lane) expect() {
	if !l.behind.Load() || l.messages.Load() > 0 {
		return
	}
	collect := func(*reactor.Worker) { l.collect() }
	if errors.Is(l.worker.TryPostUrgent(collect), reactor.ErrFull) {
		time.AfterFunc(pursuitPause, l.expect)
	}
}

// post has the worker run a batch that was admitted. If its queue is full it misses the
// batch after all, unless everybody is behind and the caller may wait.
func (l *lane) post(h *handover, wait bool) {
	err := l.worker.TryPostUrgent(h.run)
	if errors.Is(err, reactor.ErrFull) {
		if wait && l.relay.allFull(l) {
			err = l.worker.PostUrgent(h.run)
		} else {
			l.missAll(h)
		}
	}
	if err != nil { // or the worker has ended, and closed its sessions
		l.release(h)
		h.done()
		l.expect()
	}
}

// missAll is miss for the worker's part of a batch that others may be running already.
func (l *lane) missAll(h *handover) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := range h.deliveries {
		if d := &h.deliveries[at]; d.workers.has(l.worker.Index()) {
			l.miss(d.topic, d.messages)
		}
	}
}

// release takes a batch off the lane that was run, or cannot be. Called on the loop.
func (l *lane) release(h *handover) {
	messages, bytes := h.part(l.worker.Index())
	l.messages.Add(-messages)
	l.bytes.Add(-bytes)
	l.relay.room.announce()
}

// collect makes late who has missed something, and tells what was not told: there is
// room again. Messages of before
// that are still in the worker's queue pass them by, too, and are in the stream as
// well. Called on the loop.
func (l *lane) collect() {
	l.mu.Lock()
	missed, untold := l.missed, l.untold
	l.missed, l.untold = make(map[*topic]struct{}), nil
	l.behind.Store(false)
	l.mu.Unlock()
	tell(untold)
	for t := range missed {
		l.late(t)
	}
}

// late has the members of a topic be given what was missed; those that have yet to be
// told where they begin, once they are.
func (l *lane) late(t *topic) {
	share := &t.workers[l.worker.Index()]
	from := share.ran
	share.advance(t.position())
	for _, m := range share.group.Members() {
		if m.Member.late == live {
			m.Member.session().fallBehind(m, from)
			l.relay.pursue(l.worker, m)
		}
	}
}

// room is where the broker's reader waits for a lane.
type room struct {
	mu      sync.Mutex
	changed sync.Cond
	waiting atomic.Int32
	waits   *metrics.Counter
}

// announce wakes who waits. Called on a loop, and cheap if nobody does.
func (r *room) announce() {
	if r.waiting.Load() > 0 {
		r.mu.Lock()
		r.changed.Broadcast()
		r.mu.Unlock()
	}
}

// awaitRoom waits while every lane is full, and reports whether l is not any more.
func (r *relay) awaitRoom(l *lane) bool {
	r.room.waiting.Add(1)
	defer r.room.waiting.Add(-1)
	r.room.mu.Lock()
	defer r.room.mu.Unlock()
	if l.full() && r.allFull(l) {
		r.room.waits.Inc()
	}
	for l.full() && r.allFull(l) {
		r.room.changed.Wait()
	}
	return !l.full()
}

// allFull reports whether no worker but l's could take anything.
func (r *relay) allFull(l *lane) bool {
	for i := range r.lanes {
		if other := &r.lanes[i]; other != l && !other.full() {
			return false
		}
	}
	return true
}
