package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// waiter is a join that is not answered yet.
type waiter struct {
	session    *session
	membership *membership
	past       *past
	joined     func(entered) // may be nil
}

// join makes s a member of g. joined, if not nil, is called on the loop of s, at once,
// when the broker has opened the group, or when the stream was looked at for the past
// that is asked for, if any. Called on the loop of s.
//
// A member of an open group begins at the topic's last position. A message up to
// there may still wait in the worker's queue, handed over for other members; the
// member's own position keeps it from being delivered to this one.
func (r *relay) join(s *session, g broker.Group, p *past, joined func(entered)) {
	w := waiter{session: s, membership: s.membership(g.Name), past: p, joined: joined}
	if m := w.membership; m == nil || m.Member.from == notYet {
		now, err := r.enter(g, &w)
		if err != nil && joined != nil {
			joined(entered{err: err})
		}
		if !now || err != nil {
			return
		}
		if p.looks() {
			r.lookBack(w)
			return
		}
	}
	if e := w.again(); joined != nil {
		joined(e)
	}
}

// enter counts a session in the group's topic, once, and reports whether it has a place
// there now: where the topic stands, if it does not ask for something else. If not, it
// is answered later. A topic that is not there is made, or there are too many.
func (r *relay) enter(g broker.Group, w *waiter) (now bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.topics.of(g) == nil && r.full() {
		return false, errNodeGroups
	}
	s, m, t := w.session, w.membership, r.topic(g)
	known := m != nil && m.Group.Topic == t
	if m != nil && !known { // of a topic that could not be opened, which its waiter has yet to say
		m.Group.Topic.leave(m, s.worker())
		s.forget(m)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !known {
		m = t.join(s, s.worker(), notYet)
		s.memberships = append(s.memberships, m)
	}
	w.membership = m
	later, at := *w, t.last
	switch {
	case !t.open:
		r.waiting[t] = append(r.waiting[t], later)
	case known:
		// The answer to its first join is on its way through the worker's queue, and
		// this one goes the same way: whichever comes first decides the position, and
		// no message that the member sends from now on comes before either.
		if err := s.conn.Worker().TryPostUrgent(func(*reactor.Worker) { later.end(at, nil) }); err != nil && w.joined != nil {
			w.joined(entered{at: at, err: broker.ErrFull})
		}
	case w.past.looks():
		return true, nil
	default:
		m.Member.from = at
		return true, nil
	}
	return false, nil
}

// topic is the topic of a group; a new one is subscribed to. Called with r.mu
// held, as for Unsubscribe, so that the broker hears both in the right order.
func (r *relay) topic(g broker.Group) *topic {
	t := r.topics.of(g)
	if t == nil {
		t = &topic{group: g, workers: make([]share, len(r.server.Workers)), present: r.server.attendance.keeps(g)}
		r.topics.add(t)
		r.broker.Subscribe(g)
	}
	return t
}

// pin opens a group that stays open without members.
func (r *relay) pin(g broker.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.topic(g).pinned = true
	r.pinned++
}

// leave ends a membership. Called on the loop of s, which forgets m itself.
func (r *relay) leave(s *session, m *membership) {
	s.catchUp(m)
	t := m.Group.Topic
	if t.leave(m, s.worker()) {
		r.idle.add(t, time.Now())
	}
	r.forgetGap(t, s.worker())
}

// opened ends the wait of a topic's joins. Called on the broker's read goroutine,
// before the first message of the group.
func (r *relay) opened(g broker.Group, at broker.Position, err error) {
	if a := r.server.attendance; a.owns(g) {
		a.keeper.Opened(g, at, err)
		return
	}
	if g == controlGroup() && err == nil {
		r.server.heard.Do(func() { close(r.server.hears) })
	}
	if g.Hub == nodesHub && err != nil && !errors.Is(err, broker.ErrClosed) {
		r.broker.Subscribe(g)
		return
	}
	for _, w := range r.settle(g, at, err) {
		w.answer(at, err)
	}
}

// settle opens the topic, or after an error forgets it, and returns who waited.
func (r *relay) settle(g broker.Group, at broker.Position, err error) []waiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.topics.of(g)
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		t.open, t.last = true, at
	case t.pinned && !errors.Is(err, broker.ErrClosed):
		// Nobody asked for it in so many words, so nobody is told: its members
		// wait until the broker is back.
		r.broker.Subscribe(g)
		return nil
	default:
		r.forget(t)
	}
	waiting := r.waiting[t]
	delete(r.waiting, t)
	return waiting
}

// answer ends the wait, on the session's loop, and as urgently as the messages that come
// after it: a member that is not told yet is not sent any. A member that has left meanwhile
// is answered all the same: its join was asked for before its leave.
func (w waiter) answer(at broker.Position, err error) {
	_ = w.session.conn.Worker().PostUrgent(func(k *reactor.Worker) {
		if err == nil {
			w.membership.Group.Topic.workers[k.Index()].advance(at)
		}
		w.end(at, err)
	})
}

// end is answer's second half, on the loop.
func (w waiter) end(at broker.Position, err error) {
	s, m := w.session, w.membership
	if undecided := m.Member.from == notYet; undecided && err != nil {
		m.Group.Topic.leave(m, s.worker())
		s.forget(m)
	} else if undecided {
		if l := s.lookup(m); l != nil {
			l.also = append(l.also, w)
			return
		}
		if w.past.looks() {
			s.server.relay.lookBack(w)
			return
		}
		m.Member.from = at
		s.server.relay.pursue(s.conn.Worker(), m)
	}
	e := w.again()
	e.err = err
	if w.joined != nil {
		w.joined(e)
	}
	s.release(m)
}

// forget takes a membership off the session's list.
func (s *session) forget(m *membership) {
	s.memberships = slices.DeleteFunc(s.memberships, func(n *membership) bool { return n == m })
}

// sweep closes topics that had no member for the linger, until ctx ends.
func (r *relay) sweep(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	tick := time.NewTicker(max(r.server.Linger/4, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			r.retireIdle(now.Add(-r.server.Linger))
		}
	}
}

// retireIdle looks at every idle topic once.
func (r *relay) retireIdle(limit time.Time) {
	for t, since := range r.idle.take() {
		if !r.retire(t, since.Before(limit)) {
			r.idle.add(t, since)
		}
	}
}

// retire closes t if it is due and has no member, and reports whether there is nothing
// left to wait for.
func (r *relay) retire(t *topic, due bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.empty() || r.topics.of(t.group) != t {
		return true
	}
	if !t.open || !due {
		return false
	}
	r.forget(t)
	r.broker.Unsubscribe(t.group)
	return true
}

// forget takes a topic off the tables. Called with r.mu held.
func (r *relay) forget(t *topic) {
	r.topics.remove(t)
	delete(r.first, t)
}
