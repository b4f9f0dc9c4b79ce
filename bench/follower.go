package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// Follower is one client that is a member of groups and writes down what it sees. A
// steady one stays and comes back at once when its connection ends; others wander:
// they join, leave and come back to any node all the time.
type Follower struct {
	id      int
	trial   *Trial
	groups  []int
	steady  bool
	session *session   // of the reliable subprotocol; nil: it speaks the plain one
	stalls  bool       // it stops reading while the trial's gate is closed
	draw    *rand.Rand // owned by follow's goroutine

	mu      sync.Mutex // guards what follows
	link    *Link      // nil while there is none
	events  []Event
	spots   map[int]*spot      // by group
	pending map[uint64]request // by ackId
	tickets uint64
	stays   bool           // it has done with wandering
	closes  map[string]int // why connections ended that it did not end itself
}

// spot is where a follower stands in a group.
type spot struct {
	in    bool
	stays bool           // it was in when the link ended, and the session has it still
	since string         // the position to go on from; empty: it knows none
	place Place          // the same
	early []Event        // what came before the ack of the join
	top   map[int]uint64 // by speaker, the highest number heard, plus one
}

// request is what a follower asked for.
type request struct {
	group        int
	since, leave bool
}

// newFollower makes follower id of a trial, in these groups.
func newFollower(t *Trial, id int, groups []int, steady bool) *Follower {
	f := &Follower{id: id, trial: t, groups: groups, steady: steady, draw: t.rand(followerStream, id),
		spots: map[int]*spot{}, pending: map[uint64]request{}, closes: map[string]int{}}
	for _, g := range groups {
		f.spots[g] = &spot{top: map[int]uint64{}}
	}
	return f
}

// follow lives until the trial is over.
func (f *Follower) follow(ctx context.Context) {
	if !f.steady {
		f.wander(ctx)
	}
	f.mu.Lock()
	f.stays = true
	f.mu.Unlock()
	for ctx.Err() == nil {
		if l := f.enter(ctx); l != nil {
			select {
			case <-l.Gone:
			case <-ctx.Done():
			}
		}
		pause(ctx, f.upTo(200*time.Millisecond))
	}
	if l := f.current(); l != nil {
		l.Close(true)
	}
}

// current is its link, or nil.
func (f *Follower) current() *Link {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.link
}

// upTo draws a time below d.
func (f *Follower) upTo(d time.Duration) time.Duration {
	return time.Duration(f.draw.Int64N(int64(d)))
}

// wander comes and goes until the trial settles.
func (f *Follower) wander(ctx context.Context) {
	over := f.trial.settling
	for !f.trial.ended(ctx, over) {
		// All that one round decides is drawn before it begins: what happens in it does
		// not change what is decided in the next.
		stay, absence := f.upTo(2*time.Second), f.upTo(f.trial.o.absence)
		polite, forgets := f.draw.IntN(3) == 0, f.draw.IntN(20) == 0
		parts, at, apart := f.draw.IntN(2) == 0, f.draw.IntN(len(f.groups)), f.upTo(300*time.Millisecond)
		if l := f.enter(ctx); l != nil {
			f.linger(ctx, l, stay/2)
			if parts && f.session == nil {
				f.leave(l, f.groups[at])
				f.linger(ctx, l, apart)
				f.rejoin(ctx, l, f.groups[at])
			}
			f.linger(ctx, l, stay/2)
			f.depart(l, polite)
		}
		if forgets {
			f.forget(f.groups[at])
		}
		f.trial.pauseUntil(ctx, over, absence)
	}
}

// linger waits, but no longer than the link lives or the trial goes on.
func (f *Follower) linger(ctx context.Context, l *Link, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.Gone:
	case <-f.trial.settling:
	case <-ctx.Done():
	}
}

// forget has it come to a group as if for the first time, next time.
func (f *Follower) forget(group int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spots[group].since = ""
}

// enter connects to a node and joins the groups, and returns nil if it did not get in.
func (f *Follower) enter(ctx context.Context) *Link {
	n := f.trial.pick(f.draw, f.id)
	if n == nil {
		return nil
	}
	p := n.at(f.trial.plan())
	if f.stalls {
		p.Small = func(int) int { return 16 << 10 }
	}
	l, err := openLink(ctx, f.recovering(p), f.id, f.hear, f.ended)
	if err != nil {
		return nil
	}
	f.mu.Lock()
	f.link = l
	clear(f.pending) // of a link that ended while it was asked
	f.mu.Unlock()
	if f.session != nil && !f.welcome(ctx, l) {
		return nil
	}
	for _, g := range f.groups {
		if f.outside(g) {
			f.join(l, g)
		}
	}
	// A join that is refused while Redis is away is asked for again.
	for !f.home() && ctx.Err() == nil {
		select {
		case <-l.Gone:
			return nil
		case <-time.After(joinPoll):
		case <-ctx.Done():
		}
		for _, g := range f.groups {
			if f.outside(g) {
				f.join(l, g)
			}
		}
	}
	return l
}

// joinPoll is how often a follower looks whether it is in.
const joinPoll = 50 * time.Millisecond

// outside reports whether it is not in a group, and has not asked to be.
func (f *Follower) outside(group int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.pending {
		if r.group == group {
			return false
		}
	}
	return !f.spots[group].in
}

// home reports whether it is in all of its groups.
func (f *Follower) home() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.spots {
		if !s.in {
			return false
		}
	}
	return true
}

// settled reports whether it is home to stay.
func (f *Follower) settled() bool {
	f.mu.Lock()
	stays := f.stays
	f.mu.Unlock()
	return stays && f.home()
}

// state is how it stands, for who asks why it is not home.
func (f *Follower) state() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []int
	for g, s := range f.spots {
		if !s.in {
			out = append(out, g)
		}
	}
	return fmt.Sprintf("connected %t, wanders %t, outside of %v, %s unanswered, its connections ended with %v", f.link != nil, !f.stays, out, plural(len(f.pending), "request"), f.closes)
}

// join asks to be in a group, from where it stood.
func (f *Follower) join(l *Link, group int) {
	f.mu.Lock()
	since := f.spots[group].since
	ticket := f.ask(request{group: group, since: since != ""})
	f.mu.Unlock()
	text := fmt.Appendf(nil, `{"type":"joinGroup","group":%q,"ackId":%d,"gaps":true`, f.trial.groupName(group), ticket)
	if since != "" {
		text = fmt.Appendf(text, `,"since":%q`, since)
	}
	_ = l.Write(ws.OpText, append(text, '}')) // broken: the link ends
}

// rejoin asks to be in a group again, once it is out: what it gets until then is
// behind the position from which it would go on.
func (f *Follower) rejoin(ctx context.Context, l *Link, group int) {
	for !f.outside(group) {
		select {
		case <-l.Gone:
			return
		case <-time.After(joinPoll / 10):
		case <-ctx.Done():
			return
		}
	}
	f.join(l, group)
}

// leave asks to be out of a group.
func (f *Follower) leave(l *Link, group int) {
	f.mu.Lock()
	ticket := f.ask(request{group: group, leave: true})
	f.mu.Unlock()
	_ = l.Write(ws.OpText, fmt.Appendf(nil, `{"type":"leaveGroup","group":%q,"ackId":%d}`, f.trial.groupName(group), ticket))
}

// ask notes a request. The caller holds the lock.
func (f *Follower) ask(r request) (ticket uint64) {
	f.tickets++
	f.pending[f.tickets] = r
	return f.tickets
}
