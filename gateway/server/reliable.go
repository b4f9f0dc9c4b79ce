package server

import (
	"crypto/subtle"
	"strconv"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// reliable is what a session of the reliable subprotocol has beside the others: numbers
// for its messages, and what it takes to go on elsewhere. Owned by the session's loop,
// but for the token, which is static.
type reliable struct {
	token     string // whoever shows it with the connectionId goes on with the session
	window    window
	recovery  *recovery     // under way: it is not known yet who the session is
	rejoining []place       // groups that the session is in, and that are not open to it again yet
	replay    *replay       // under way: nothing new is sent before it is done
	permits   []auth.Change // what the application has changed of its permissions
	released  *record       // it goes on elsewhere, once all its requests are answered
	then      []func(*record)
	changed   bool // since its last checkpoint
	abandoned bool // it has ended, or cannot go on: nothing is kept
}

// stalled reports whether nothing new may be sent now.
func (r *reliable) stalled(limit int) bool {
	return r.recovery != nil || r.replay != nil || r.window.full(limit)
}

// mayRecover reports whether a token is the session's.
func mayRecover(token, shown string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(shown)) == 1
}

// bodies are the messages of a delivery without their opening braces, behind which each
// reliable member gets its own number.
type bodies struct {
	text []byte
	ends []int
}

// add appends one.
func (b *bodies) add(m *broker.Message, gap bool) {
	start := len(b.text)
	b.text = envelope(b.text, m, gap)
	copy(b.text[start:], b.text[start+1:])
	b.text = b.text[:len(b.text)-1]
	b.ends = append(b.ends, len(b.text))
}

// build appends them as frames, numbered on from first.
func (b *bodies) build(to *reactor.Builder, first uint64) {
	start := 0
	for i, end := range b.ends {
		to.Add(false, func(dst []byte) []byte { return wire.AppendNumbered(dst, first+uint64(i), b.text[start:end]) })
		start = end
	}
}

// number sends the messages of a delivery to a reliable member, for which they stand
// behind a position. False if it does not take them now; then it has none of them.
func (d *delivery) number(m *membership, from broker.Position) bool {
	s := m.Member.session()
	r, limit := s.reliable, s.server.Limits.Unacked
	if r.stalled(limit) {
		return false
	}
	w := &d.relay.reliables[s.worker()]
	first := r.window.next(limit)
	d.bodies.build(&w.frames, first)
	if !m.Member.conn.Offer(w.frames.Cut()) {
		return false
	}
	before := len(r.window.runs)
	r.window.add(sent{Group: d.topic.group.Name, First: first, Count: len(d.bodies.ends), From: from, Last: d.last})
	w.runs.Add(int64(len(r.window.runs) - before))
	s.change()
	return true
}

// runNumbered is run for a reliable member that is live; it returns 1 if the messages
// were sent. Unlike others it has its position kept, as it may go on elsewhere from it.
func (d *delivery) runNumbered(w *reactor.Worker, m *membership) int {
	from := m.Member.from
	switch {
	case d.excludes(m):
		m.Member.from = d.last
		return 0
	case !from.Before(d.first):
		m.Member.session().fallBehind(m, from)
		d.relay.pursue(w, m)
		return 0
	}
	if from.Before(d.previous) {
		from = d.previous
	}
	if d.lacks(numbered) {
		m.Member.session().fallBehind(m, from)
		d.relay.pursue(w, m)
		return 0
	}
	if !d.number(m, from) {
		m.Member.session().fallBehind(m, from)
		return 0
	}
	m.Member.from = d.last
	return 1
}

// sequenceAck lets go of what the client has, and goes on with what waits for that.
func (s *session) sequenceAck(n uint64) {
	r := s.reliable
	if r == nil {
		return // only reliable sessions number their messages; from others it asks for nothing
	}
	limit, before := s.server.Limits.Unacked, len(r.window.runs)
	full := r.window.full(limit)
	r.window.ack(n)
	s.server.relay.reliables[s.worker()].runs.Add(int64(len(r.window.runs) - before))
	s.change()
	if full && !r.stalled(limit) {
		s.pursueAll()
	}
}

// pursueAll has the late memberships go on.
func (s *session) pursueAll() {
	if s.backlog == nil {
		return
	}
	for _, m := range s.backlog.late {
		s.server.relay.pursue(s.conn.Worker(), m)
	}
}

// reliables is what a worker's reliable sessions have in common. Owned by the loop.
type reliables struct {
	all     map[*session]struct{}
	changed []*session      // since their last checkpoint
	due     []*session      // for the present one
	share   int             // of them, in one part
	part    int             // parts that are left
	frames  reactor.Builder // where numbered messages are put together
	runs    atomic.Int64    // in the windows of all; written by the loop alone
}

func (r *relay) newReliables(set *metrics.Set) {
	r.reliables = make([]reliables, len(r.server.Workers))
	for i := range r.reliables {
		w := &r.reliables[i]
		w.all = make(map[*session]struct{})
		set.NewGauge(`tidegate_unacked_runs{worker="`+strconv.Itoa(i)+`"}`, func() float64 { return float64(w.runs.Load()) })
	}
}

// change notes that the session's next checkpoint is another than its last.
func (s *session) change() {
	if r := s.reliable; !r.changed {
		r.changed = true
		w := &s.server.relay.reliables[s.worker()]
		w.changed = append(w.changed, s)
	}
}
