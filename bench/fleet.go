package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// maxHandshakes is how many connections shake hands at a time: enough to keep a
// gateway busy, and below the backlog at which a kernel begins to drop SYNs, after
// which the harness would measure retransmission timers.
const maxHandshakes = 64

// Fleet is all connections of a run and the loops that serve them.
type Fleet struct {
	// Static after openFleet.
	plan   Plan
	layout Layout
	conns  []*Conn       // by id; while the loops run, each belongs to one of them
	took   time.Duration // from the first SYN to the last join's ack
	extras extras        // of the scene, for the loops

	// Static after start.
	loops  []*Loop
	polls  []*poller    // one a loop, kept here because the fleet closes them
	full   chan *Window // from the loops, closed by stop
	empty  chan *Window // back to them, so that a long run makes no garbage
	failed chan error   // the errors with which loops ended

	wait sync.WaitGroup // for the loops
}

// openFleet opens all connections of the plan, or none. opened is called from many
// goroutines with the number of connections so far. The caller closes the fleet.
func openFleet(ctx context.Context, p Plan, opened func(n int)) (*Fleet, error) {
	f := &Fleet{plan: p, layout: p.Layout()}
	if err := allowFiles(f.layout.Total()); err != nil {
		return nil, err
	}
	f.conns = make([]*Conn, f.layout.Total())
	start := time.Now()
	var done atomic.Int64
	err := dialAll(ctx, len(f.conns), func(ctx context.Context, id int) (err error) {
		f.conns[id], err = dial(ctx, p, id)
		opened(int(done.Add(1)))
		return err
	})
	f.took = time.Since(start)
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// dialAll calls dial for each connection from 0 to n-1, several at a time, and waits
// until all calls have ended. The first failure stops all others: what is wrong with
// one connection is wrong with the next thousand, and one message says it better.
func dialAll(ctx context.Context, n int, dial func(ctx context.Context, id int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	dialNext := func() (more bool) {
		id := int(next.Add(1)) - 1
		if id >= n || ctx.Err() != nil {
			return false
		}
		if err := dial(ctx, id); err != nil {
			cancel(fmt.Errorf("connection %d of %d: %w", id+1, n, err))
		}
		return true
	}
	var dialers sync.WaitGroup
	for range min(maxHandshakes, n) {
		dialers.Go(func() {
			for dialNext() {
				// Each takes the next that nobody else has begun.
			}
		})
	}
	dialers.Wait()
	return context.Cause(ctx)
}

// start puts the connections under loops and lets them run until the course is
// over. Whoever calls it takes the windows from f.full and may give them back
// through f.empty, until stop.
func (f *Fleet) start(course *Course) error {
	n := min(f.plan.Loops, len(f.conns))
	// Room for a few seconds of windows: whoever takes them also writes to a terminal.
	f.full = make(chan *Window, 4*n)
	f.empty = make(chan *Window, 4*n)
	f.failed = make(chan error, n)
	heads := make([][]byte, f.layout.Groups)
	for g := range heads {
		heads[g] = head(f.plan, g)
	}
	for i := range n {
		poll, err := newPoller()
		if err != nil {
			return fmt.Errorf("opening a poller: %w", err)
		}
		f.polls = append(f.polls, poll)
		f.loops = append(f.loops, &Loop{
			index: i, plan: f.plan, layout: f.layout, course: course, conns: f.conns, heads: heads,
			pacer: f.pacer(i, n),
			full:  f.full, empty: f.empty, poll: poll,
			buf: make([]byte, readBytes+2*f.plan.Size), window: newWindow(i),
			extras: f.extras,
		})
	}
	if err := f.share(); err != nil {
		return err
	}
	for _, l := range f.loops {
		f.wait.Go(func() {
			if err := l.run(); err != nil {
				f.failed <- err
			}
		})
	}
	return nil
}

// pacer is the share of the i-th of n loops in the schedule; a loop without senders
// has none.
func (f *Fleet) pacer(i, n int) Pacer {
	shares := min(n, f.layout.Senders())
	if i >= shares {
		return Pacer{}
	}
	return Pacer{Rate: f.plan.Rate, Share: i, Shares: shares}
}

// share deals the connections out. The i-th sender goes to loop i mod n, because
// the i-th turn of the schedule does.
func (f *Fleet) share() error {
	n := len(f.loops)
	for _, c := range f.conns {
		i := c.id % n
		if f.layout.Publishers > 0 && c.group < 0 {
			i = (c.id - f.layout.Connections) % n
		}
		l := f.loops[i]
		if c.group < 0 || f.layout.Publishers == 0 {
			c.place = uint64(len(l.senders))
			l.senders = append(l.senders, c)
		}
		if err := l.poll.add(c.fd, c.id); err != nil {
			return fmt.Errorf("watching connection %d: %w", c.id+1, err)
		}
	}
	return nil
}

// settled reports that nothing is under way: the schedule is over, every publish is
// answered and every delivery that an ack promised has come. A fleet that lost
// something never settles.
func (f *Fleet) settled() bool {
	var t Tally
	for _, l := range f.loops {
		if !l.done.Load() {
			return false
		}
		u := l.Tally()
		t.Sent += u.Sent
		t.Answered += u.Answered
		t.Promised += u.Promised
		t.Delivered += u.Delivered
	}
	return t.Answered >= t.Sent && t.Delivered >= t.Promised
}

// stop ends the loops, and with them the stream of windows.
func (f *Fleet) stop(course *Course) {
	course.over.Store(true)
	f.wait.Wait()
	close(f.full)
}

// err is the first error of a loop, once they have ended.
func (f *Fleet) err() error {
	select {
	case err := <-f.failed:
		return err
	default:
		return nil
	}
}

// starved is the share of the run in which the hungriest loop was ready and did not
// get a processor. The loops must have ended.
func (f *Fleet) starved(course *Course) float64 {
	var most time.Duration
	for _, l := range f.loops {
		most = max(most, l.hunger)
	}
	return float64(most) / float64(max(course.Elapsed(), 1))
}

// close closes all connections, politely. The loops must have ended.
func (f *Fleet) close() {
	for _, c := range f.conns {
		if c != nil {
			c.leave()
		}
	}
	for _, p := range f.polls {
		p.close()
	}
}

// Losses is what the books say once a run is over.
type Losses struct {
	Lost    uint64 // deliveries of acked publishes that did not come
	Closed  int    // connections that did not live to the end
	Fate    error  // of the first of them
	Refusal error  // the first ack that said no
}

// losses goes through the books of all receivers. The loops must have ended.
func (f *Fleet) losses() (sum Losses) {
	for _, c := range f.conns {
		if c.fd < 0 {
			sum.Closed++
			if sum.Fate == nil {
				sum.Fate = errors.New(c.fate)
			}
		}
		if c.refusal != "" && sum.Refusal == nil {
			sum.Refusal = errors.New(c.refusal)
		}
		sum.Lost += f.lost(c)
	}
	return sum
}

// lost is how many deliveries of acked publishes one connection did not get.
func (f *Fleet) lost(c *Conn) (n uint64) {
	for slot := range c.seen {
		// How far the publisher got is known from its turns, not from what arrived:
		// otherwise the loss of a series' tail would go unseen.
		first, _ := f.layout.Turn(c.group, slot, 0)
		end := f.layout.Published(c.group, slot, f.conns[first].turns)
		c.seen[slot].Missing(end, func(seq uint64) { n += f.promised(c.group, slot, seq) })
	}
	return n
}

// promised is 1 if a message was acked. One that was refused, or that nobody
// answered for, was never promised to anyone.
func (f *Fleet) promised(group, slot int, seq uint64) uint64 {
	sender, turn := f.layout.Turn(group, slot, seq)
	if f.conns[sender].acks.Has(turn) {
		return 1
	}
	return 0
}
