package server

import (
	"context"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// Drain is how a node lets its clients go.
type Drain struct {
	Window   time.Duration // over which their connections are closed, and over which they are asked to come back
	Patience time.Duration // how long a client whose turn has come may wait for its acks
	Text     string        // what they are told
}

// Drained is what a drain has done.
type Drained struct {
	Told    int // clients that were told to go, and closed
	Unacked int // of them, those whose acks had not come in time
	Left    int // clients whose turn has not come; after the drain, because a worker is stuck
}

const (
	// drainTick is how often each worker closes some.
	drainTick = 20 * time.Millisecond
	// leastPace is how many connections are closed a second at least: few ones need
	// not wait for each other, and whoever gets them feels nothing of so many.
	leastPace = 100
	// hastened is the patience of a drain that was asked to be quick.
	hastened = 500 * time.Millisecond
	// overdue is how much later than planned a drain gives up on a worker that is stuck.
	overdue = time.Second
)

// ServiceRestart is the close code for clients that should connect again, to
// another node (registered under RFC 6455 section 11.7).
const ServiceRestart ws.StatusCode = 1012

// Drain lets every client go. Their turns are spread evenly over the window, in no
// order, a few on each worker at a time; few clients take less than the window. Whose
// turn has come is not heard any more. It gets the acks that it still waits for; then,
// behind all that was queued for it, system/disconnected if it speaks JSON, and close
// 1012. When it may come back is spread over the same time, so that no more a second
// come than go, honour it who may. Whoever connects meanwhile goes at once.
//
// It returns when every close frame is queued; that they are written and answered is
// for the reactor's shutdown to await. When ctx ends, everybody's turn has come.
// Called once, on a goroutine that may wait.
func (s *Server) Drain(ctx context.Context, how Drain) {
	connections := s.connections()
	over := min(how.Window, time.Duration(connections)*time.Second/leastPace)
	for i := range s.drainers {
		s.drainers[i].plan = &plan{Drain: how, over: over}
	}
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	hurried := ctx.Done()
	end := over + how.Patience + overdue
	for began := time.Now(); ; {
		at := time.Since(began)
		share := 1.0
		if hurried != nil && at+drainTick < over {
			share = float64(at+drainTick) / float64(over)
		}
		if s.drain(share, hurried == nil) == 0 || at > end {
			break
		}
		select {
		case <-tick.C:
		case <-hurried:
			hurried, end = nil, at+hastened+overdue
		}
	}
}

// drain has every worker close its share, and returns how many connections are not
// closed yet.
func (s *Server) drain(share float64, hurry bool) (left int) {
	for i := range s.drainers {
		d := &s.drainers[i]
		if d.under.CompareAndSwap(false, true) {
			step := func(w *reactor.Worker) { d.step(w, share, hurry) }
			if err := s.Workers[i].TryPostUrgent(step); err != nil {
				d.under.Store(false)
			}
		}
		left += int(d.left.Load())
	}
	return left
}

// Drained sums up, during a drain or after it. May be called from any goroutine.
func (s *Server) Drained() (all Drained) {
	for i := range s.drainers {
		d := &s.drainers[i]
		all.Told += int(d.told.Load())
		all.Unacked += int(d.unacked.Load())
		if n := d.left.Load(); n == unknown {
			all.Left += s.Workers[i].Connections()
		} else {
			all.Left += int(n)
		}
	}
	return all
}

// stage is how far a session is on its way out of a drain.
type stage uint8

const (
	present  stage = iota
	leaving        // its turn has come, and it waits for acks
	departed       // it was told to go, or has gone by itself
)

// plan is what the workers know of a drain; it does not change.
type plan struct {
	Drain
	over time.Duration
}

// drainer closes the connections of one worker.
type drainer struct {
	server *Server
	plan   *plan // set before the first step

	left          atomic.Int64 // connections that are not closed yet
	told, unacked atomic.Int64
	under         atomic.Bool // a step is on its way that has not run

	// Owned by the loop.
	begun   bool
	present []*session // whose turn has not come; those that have gone by themselves too
	first   int        // how many there were
	leaving []leaver
}

// leaver is a session whose turn has come, and that waits for acks.
type leaver struct {
	session *session
	until   time.Time
}

// unknown is what a worker has left that has not begun.
const unknown = math.MaxInt32

func (s *Server) newDrainers() {
	s.drainers = make([]drainer, len(s.Workers))
	for i := range s.drainers {
		s.drainers[i].server = s
		s.drainers[i].left.Store(unknown)
	}
}

// step closes connections until the worker has closed its share of them. Called on the
// loop.
func (d *drainer) step(w *reactor.Worker, share float64, hurry bool) {
	defer d.under.Store(false)
	d.begin(w)
	now := time.Now()
	for due := int(math.Ceil(share * float64(d.first))); d.first-len(d.present) < due; {
		n := len(d.present) - 1
		s := d.present[n]
		d.present[n] = nil
		d.present = d.present[:n]
		d.dismiss(s, now)
	}
	d.review(now, hurry)
	d.left.Store(int64(len(d.present) + len(d.leaving)))
}

// begin notes who is there. They are mixed, since connections that came together are
// often of one group, or from one address.
func (d *drainer) begin(w *reactor.Worker) {
	if d.begun {
		return
	}
	d.begun = true
	for _, c := range w.Conns() {
		if s, ok := c.Handler().(*session); ok && s.stage == present {
			d.present = append(d.present, s)
		}
	}
	d.first = len(d.present)
	rand.Shuffle(d.first, func(i, j int) { d.present[i], d.present[j] = d.present[j], d.present[i] })
}

// opened has a session go at once that comes while the others leave: its handshake was
// under way when the node stopped accepting. Called on the loop.
func (d *drainer) opened(s *session) {
	if d.begun {
		d.dismiss(s, time.Now())
	}
}

// dismiss is a session's turn. What it says from now on is not taken, since the acks
// would never end.
func (d *drainer) dismiss(s *session, now time.Time) {
	if s.stage != present {
		return
	}
	s.stage = leaving
	if s.acks.pending() {
		d.leaving = append(d.leaving, leaver{s, now.Add(d.plan.Patience)})
		return
	}
	d.tell(s)
}

// settled has a session go whose turn has come and whose last ack has: so the ack is
// before the close. Called on the loop.
func (s *session) settled() {
	s.releaseSettled()
	if s.stage == leaving && !s.acks.pending() {
		s.server.drainers[s.worker()].tell(s)
	}
}

// review forgets who has gone of those that waited for acks, and ends the wait of those
// that have waited for too long.
func (d *drainer) review(now time.Time, hurry bool) {
	waiting := d.leaving[:0]
	for _, l := range d.leaving {
		if hurry {
			l.until = earlier(l.until, now.Add(hastened))
		}
		switch {
		case l.session.stage == departed:
		case now.After(l.until):
			d.unacked.Add(1)
			d.tell(l.session)
		default:
			waiting = append(waiting, l)
		}
	}
	clear(d.leaving[len(waiting):])
	d.leaving = waiting
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// tell has a session go.
func (d *drainer) tell(s *session) {
	s.stage = departed
	d.told.Add(1)
	d.server.counts.drained.Inc()
	if s.dialect == jsonDialect {
		s.text(func(dst []byte) []byte { return wire.AppendDisconnected(dst, d.plan.Text, d.plan.pause()) })
	}
	if s.reliable != nil && s.reliable.recovery == nil {
		s.letGo(nil) // at once, as its client comes back at once
	}
	s.conn.Close(ServiceRestart, d.plan.Text, reactor.Shutdown)
}

// pause is when a client may come back.
func (p *plan) pause() time.Duration {
	if p.over < time.Millisecond {
		return 0
	}
	return time.Millisecond + rand.N(p.over)
}
