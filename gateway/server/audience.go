package server

import (
	"slices"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// audiences is who watches groups on one worker. Owned by its loop.
type audiences map[broker.Group]map[*session]*watcher

// watcher is a session that watches who is in a group. Owned by its session's loop.
type watcher struct {
	session *session
	group   broker.Group
	asked   bool            // for a snapshot that has not come
	begun   bool            // it has its snapshot, or that is in the queue
	missed  bool            // more than the queue takes: a new snapshot is due when that is empty
	room    int             // of the queue
	queue   []reactor.Frame // what its connection did not take yet, by reference
}

// watcherQueue is how many changes may wait for a watcher that reads too slowly, beside
// its snapshot. If more come it gets a snapshot instead.
const watcherQueue = 256

// expect makes a session a watcher that has yet to ask for a snapshot. Called on the loop
// of s, when s is a member.
func (a *attendance) expect(s *session, g broker.Group) *watcher {
	of := a.audiences[s.worker()]
	if of[g] == nil {
		of[g] = make(map[*session]*watcher)
	}
	w := of[g][s]
	if w == nil {
		w = &watcher{session: s, group: g}
		of[g][s] = w
		if s.reliable != nil {
			s.change()
		}
	}
	return w
}

// watch has a session be told who is in a group, and what changes: first a snapshot, also
// if it watched before. Called on the loop of s, when s is a member.
func (a *attendance) watch(s *session, g broker.Group) {
	w := a.expect(s, g)
	if w.missed = len(w.queue) > 0; w.missed {
		return // it asks again when it has read what waits
	}
	if w.asked {
		return // one will do, however often the client joins
	}
	w.asked, w.begun = true, false
	a.keeper.Watch(s.worker(), g, w)
}

// watches reports whether a session is told who is in a group. Called on the loop of s.
func (a *attendance) watches(s *session, g broker.Group) bool {
	return a != nil && a.audiences[s.worker()][g][s] != nil
}

// unwatch ends what watch began, if it did. Called on the loop of s.
func (a *attendance) unwatch(s *session, g broker.Group, worker int) {
	of := a.audiences[worker]
	w := of[g][s]
	if w == nil {
		return
	}
	delete(of[g], s)
	if len(of[g]) == 0 {
		delete(of, g)
		a.keeper.Unwatch(worker, g)
	}
	if b := s.backlog; b != nil {
		b.watchers = slices.DeleteFunc(b.watchers, func(other *watcher) bool { return other == w })
		s.closeBacklog()
	}
}

// begin gives a watcher its snapshot. Called on the loop.
func (w *watcher) begin(pages []reactor.Frame) {
	w.asked, w.begun, w.room = false, true, len(pages)+watcherQueue
	for _, f := range pages {
		w.give(f)
	}
}

// change gives a watcher something that builds upon its snapshot. One that has to wait
// for another snapshot anyway does without it.
func (w *watcher) change(frames []reactor.Frame) {
	switch {
	case !w.begun || w.missed:
	case len(w.queue)+len(frames) > w.room:
		w.missed = true
		w.session.server.attendance.dropped.Inc()
	default:
		for _, f := range frames {
			w.give(f)
		}
	}
}

// give sends a frame, or has it wait behind those that do.
func (w *watcher) give(f reactor.Frame) {
	if len(w.queue) == 0 {
		if w.session.conn.Offer(f) {
			return
		}
		b := w.session.openBacklog()
		b.watchers = append(b.watchers, w)
	}
	w.queue = append(w.queue, f)
}

// goOnWatching goes on with the watchers of a session whose connection takes frames again.
// Called on the loop.
func (s *session) goOnWatching() {
	all := s.backlog.watchers
	for i, w := range all {
		if !w.goOn() {
			s.backlog.watchers = all[i:]
			return
		}
	}
	s.backlog.watchers = nil
	s.closeBacklog()
}

// goOn sends what waits, and reports whether nothing does any more.
func (w *watcher) goOn() bool {
	for i, f := range w.queue {
		if !w.session.conn.Offer(f) {
			w.queue = slices.Delete(w.queue, 0, i)
			return false
		}
	}
	w.queue = nil
	if w.missed {
		w.session.server.attendance.watch(w.session, w.group)
	}
	return true
}
