package server

import (
	"fmt"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// A gap is messages of a group that were lost before this node could read them. Every
// member learns of it: in a notice, if it has asked to be told; by a mark on the next
// message, if it speaks JSON; or, as a simple client has neither, by its close.

// gap says that a group goes on after a position, and that something before it was lost.
// Called on the broker's read goroutine, in the order of the group's messages.
func (r *relay) gap(g broker.Group, at broker.Position) {
	if a := r.server.attendance; a.owns(g) {
		a.keeper.Gap(g, at)
		return
	}
	r.server.counts.fault(faultGap)
	r.gapAt.Store(time.Now().Unix())
	r.server.Log.Warn("messages of a group were lost before they could be read", "group", g.String(), "position", at.String())
	if g == controlGroup() {
		r.server.recheckAll()
	}
	t := r.lookup(g)
	if t == nil {
		return
	}
	// No topic is locked here, as in deliver.
	workers := t.lose(at)
	for i := range workers.each {
		_ = r.server.Workers[i].PostUrgent(func(w *reactor.Worker) { r.lost(w, t, at) })
	}
}

// lossNote is for how long readiness tells of a gap.
const lossNote = 5 * time.Minute

// Lost says, for some minutes, that this node has found a gap, and is empty otherwise. A
// node that has told its members of what was lost serves as well as any, so it is ready
// nevertheless. Never waits; may be called on any goroutine.
func (s *Server) Lost() string {
	ago := time.Since(time.Unix(s.relay.gapAt.Load(), 0))
	if ago > lossNote {
		return ""
	}
	return fmt.Sprintf("messages were lost, and their members told, %d s ago: see broker_gap", int(ago.Seconds()))
}

// lose notes a gap, and returns the workers that have members. The position may stand
// before the last one: then the stream was set back.
func (t *topic) lose(at broker.Position) (workers workerSet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.open {
		return workers
	}
	t.last, t.gap = at, true
	return t.workersLocked()
}

// lost tells the members of a topic on one worker; those that are late are told when they
// come to it (pursuit.go). Called on that worker's loop.
func (r *relay) lost(w *reactor.Worker, t *topic, at broker.Position) {
	share := &t.workers[w.Index()]
	if share.group == nil {
		return
	}
	ran := share.ran
	setBack := at.Before(ran)
	if setBack {
		share.ran = at
	}
	r.gaps[w.Index()][t] = at
	if p := r.pursuits[w.Index()][t]; p != nil {
		p.stale = true
	}
	notice := newNotice(t.group, at)
	for _, m := range share.group.Members() {
		switch from := m.Member.from; {
		case from == notYet, !setBack && !from.Before(at):
			// It begins behind the gap.
		case m.Member.late != live && from.Before(at):
			// It is told when it comes there.
		case setBack && ran.Before(from):
			// It has come from another node, with a position of the stream as it is now.
		case setBack && at.Before(from):
			m.Member.from = at
			m.Member.miss(notice)
		case setBack || m.Member.late == live:
			if m.Member.variant == numbered {
				m.Member.from = at
			}
			m.Member.miss(notice)
		}
	}
}

// newNotice is the frame that tells of a gap.
func newNotice(g broker.Group, at broker.Position) reactor.Frame {
	return reactor.BuildFrame(false, 120+len(g.Name), func(dst []byte) []byte {
		return wire.AppendGap(dst, g.Name, at.String())
	})
}

// miss tells one member of a gap. Called on its loop.
func (m *member) miss(notice reactor.Frame) {
	switch {
	case m.variant.simple():
		m.conn.Close(tryAgainLater, "messages of the group were lost: what you have is not all that was said", closedGap)
	case m.notices:
		m.conn.Send(notice)
	}
}

// forgetGap forgets a topic's gap once nobody on the worker can have been in it.
func (r *relay) forgetGap(t *topic, worker int) {
	if t.workers[worker].group == nil {
		delete(r.gaps[worker], t)
	}
}
