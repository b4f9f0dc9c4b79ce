package server

import (
	"context"
	"math"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// lookup is a join that asks for what was said before: until the stream was looked at
// its member has no place in it.
type lookup struct {
	waiter
	also  []waiter // that asked to join meanwhile
	found found
}

// found is what the stream was found to hold.
type found struct {
	whole bool            // everything after since
	first *broker.Message // of what is to be replayed, if nothing stands before it to read on from
	err   error
}

// lookups is the lookups of one worker. Owned by its loop; only the stream is read
// elsewhere, in the pool. While some are under way more gather, so that a storm of
// clients that come back takes few places in the pool, and what is asked for twice is
// read once.
type lookups struct {
	relay   *relay
	worker  *reactor.Worker
	waiting []*lookup
	running int
	paused  bool
	depth   atomic.Int64 // len(waiting), for who is not the loop

	recovered, lost, failed *metrics.Counter
}

// The bounds of lookups.
const (
	lookupQueue = 16 << 10 // that wait; beyond it a join is refused
	lookupBatch = 32       // that are looked at in one task
	lookupTasks = 4        // at a time
)

func (r *relay) newLookups(set *metrics.Set) {
	r.lookups = make([]lookups, len(r.server.Workers))
	for i, w := range r.server.Workers {
		q := &r.lookups[i]
		q.relay, q.worker = r, w
		label := `worker="` + strconv.Itoa(i) + `"`
		count := func(outcome string) *metrics.Counter {
			return set.NewCounter("tidegate_resumes_total{" + label + `,outcome="` + outcome + `"}`)
		}
		q.recovered, q.lost, q.failed = count("recovered"), count("not_recovered"), count("failed")
		set.NewGauge("tidegate_resume_queue{"+label+"}", func() float64 { return float64(q.depth.Load()) })
	}
}

// lookBack has the stream looked at for a join. Called on the loop of its session, when
// the group is open.
func (r *relay) lookBack(w waiter) {
	l := &lookup{waiter: w}
	b := w.session.openBacklog()
	b.lookups = append(b.lookups, l)
	q := &r.lookups[w.session.worker()]
	if len(q.waiting) >= lookupQueue {
		l.found.err = broker.ErrFull
		q.decide(l)
		return
	}
	q.waiting = append(q.waiting, l)
	q.start()
}

// start hands what waits to the pool, as far as it may. Called on the loop.
func (q *lookups) start() {
	for q.running < lookupTasks && len(q.waiting) > 0 && !q.paused {
		batch := slices.Clone(q.waiting[:min(len(q.waiting), lookupBatch)])
		err := q.worker.Pool().TrySubmit(func() {
			q.relay.lookAll(batch)
			_ = q.worker.PostUrgent(func(*reactor.Worker) { q.took(batch) })
		})
		if err != nil {
			q.pause()
			break
		}
		q.running++
		q.waiting = slices.Delete(q.waiting, 0, len(batch))
	}
	q.depth.Store(int64(len(q.waiting)))
}

// pause tries again soon: the pool is full.
func (q *lookups) pause() {
	q.paused = true
	time.AfterFunc(pursuitPause, func() {
		_ = q.worker.Post(func(*reactor.Worker) { q.paused = false; q.start() })
	})
}

// took decides what was looked up. Called on the loop.
func (q *lookups) took(batch []*lookup) {
	q.running--
	for _, l := range batch {
		q.decide(l)
	}
	q.start()
}

// lookAll looks everything up, and equal things once. Called in the pool.
func (r *relay) lookAll(batch []*lookup) {
	type question struct {
		topic *topic
		past  past
	}
	answers := make(map[question]found, len(batch))
	for _, l := range batch {
		asked := question{l.membership.Group.Topic, *l.past}
		f, known := answers[asked]
		if !known {
			f = r.look(asked.topic.group, *l.past)
			answers[asked] = f
		}
		l.found = f
	}
}

// look asks the broker. Called in the pool.
func (r *relay) look(g broker.Group, p past) (f found) {
	ctx, cancel := context.WithTimeout(context.Background(), pursuitRead)
	defer cancel()
	if p.resumes {
		var begin []*broker.Message
		from := p.since
		if p.since.IsZero() { // nothing stands there that could be read on from
			begin, f.err = r.broker.Read(ctx, g, p.since, 1)
			from = p.empty
		}
		if f.err == nil {
			f.whole, f.err = r.broker.Resume(ctx, g, from)
		}
		if f.whole || f.err != nil {
			f.first = oldest(begin)
			return f
		}
	}
	if p.history > 0 {
		var last []*broker.Message
		last, f.err = r.broker.Last(ctx, g, p.history)
		f.first = oldest(last)
	}
	return f
}

// oldest is the first of messages, or nil.
func oldest(messages []*broker.Message) *broker.Message {
	if len(messages) == 0 {
		return nil
	}
	return messages[0]
}

// decide gives the member its place, answers, and has it be given what was said since.
// Called on the loop.
func (q *lookups) decide(l *lookup) {
	s, m := l.session, l.membership
	s.lookedUp(l)
	present := slices.Contains(s.memberships, m)
	e := entered{err: l.found.err}
	switch {
	case e.err != nil:
		q.failed.Inc()
		if present {
			q.relay.leave(s, m)
			s.forget(m)
		}
	case !present: // it has left meanwhile, or is gone
		e.at = m.Group.Topic.position()
	default:
		e = q.place(l)
	}
	if l.joined != nil {
		l.joined(e)
	}
	if present && e.err == nil {
		q.replay(l)
	}
	for _, w := range l.also {
		e := entered{err: e.err}
		if e.err == nil {
			e = w.again()
		}
		if w.joined != nil {
			w.joined(e)
		}
	}
	s.release(m)
}

// place decides where a member begins: at since, if the stream has everything after it,
// or where its group stands now.
func (q *lookups) place(l *lookup) (e entered) {
	m := &l.membership.Member
	m.notices = m.notices || !l.past.silent
	m.from = l.membership.Group.Topic.position()
	switch {
	case l.found.whole:
		m.from, e.recovered = l.past.since, wire.Recovered
		q.recovered.Inc()
	case l.past.resumes:
		e.recovered = wire.NotRecovered
		q.lost.Inc()
	}
	e.at = m.from
	return e
}

// replay has a member be given what was said before, from the stream. The first message
// goes out at once where there is none before it to read on from.
func (q *lookups) replay(l *lookup) {
	m, first := l.membership, l.found.first
	t := m.Group.Topic
	switch {
	case first == nil:
	case q.relay.sendFirst(m, first):
		m.Member.from = first.Position
	case l.found.whole:
		q.relay.begin(t, first.Position)
	default:
		m.Member.from = before(first.Position)
	}
	if (first != nil || l.found.whole) && m.Member.from.Before(t.position()) && m.Member.late == live {
		l.session.fallBehind(m, m.Member.from)
	}
	q.relay.pursue(q.worker, m)
}

// before is the position just before p.
func before(p broker.Position) broker.Position {
	if p.Seq > 0 {
		return broker.Position{Ms: p.Ms, Seq: p.Seq - 1}
	}
	return broker.Position{Ms: p.Ms - 1, Seq: math.MaxUint64}
}

// sendFirst sends one message of the past to one member. False if a reliable one does not
// take it now.
func (r *relay) sendFirst(m *membership, first *broker.Message) bool {
	if first.Lost {
		return true // what comes after it is what there is
	}
	d := delivery{relay: r, topic: m.Group.Topic}
	var wanted [variants]bool
	wanted[m.Member.variant] = true
	var b reactor.Builder
	d.encode(&b, []*broker.Message{first}, wanted, false)
	switch {
	case d.excludes(m):
	case m.Member.variant == numbered:
		return d.number(m, before(first.Position))
	case !m.Member.conn.Offer(d.frames[m.Member.variant]):
		m.Member.conn.Send(d.frames[m.Member.variant])
	}
	return true
}

// lookup is the session's lookup for a membership, or nil.
func (s *session) lookup(m *membership) *lookup {
	if s.backlog != nil {
		for _, l := range s.backlog.lookups {
			if l.membership == m {
				return l
			}
		}
	}
	return nil
}

// lookedUp takes a lookup off the backlog.
func (s *session) lookedUp(l *lookup) {
	if b := s.backlog; b != nil {
		b.lookups = slices.DeleteFunc(b.lookups, func(o *lookup) bool { return o == l })
		s.closeBacklog()
	}
}
