package reactor

import (
	"time"

	"github.com/gobwas/ws"
)

// sweep is a worker's look at its connections, one after the other: it finds the
// silent ones and those that do not end. There is no timer per connection and no
// reading of a clock per message: time is counted in beats, which the clock posts
// to every loop. A loop that is busy counts fewer beats, so what it did not come
// to read is not held against the client.
type sweep struct {
	beat   uint32      // beats so far
	second uint32      // of the clock, at the last one
	cursor int         // the next connection to look at
	round  int         // beats in which all connections are looked at once
	owed   int         // looks that the beats so far have asked for
	bouts  int         // in which those of a beat are taken, if there are very many
	again  *time.Timer // posts the next bout; nil before it is first needed

	// The config's times, in beats.
	heartbeat, timeout, close uint32
}

// beatTime is the time between two beats. A round is a quarter of the shortest
// time that is kept, and is spread over eight beats or more.
func (c *Config) beatTime() time.Duration {
	return min(max(c.roundTime()/8, time.Millisecond), 250*time.Millisecond)
}

func (c *Config) roundTime() time.Duration {
	return min(c.Heartbeat, c.HeartbeatTimeout-c.Heartbeat, c.CloseTimeout) / 4
}

func (s *sweep) init(c *Config) {
	beats := func(d time.Duration) uint32 { return uint32((d + c.beatTime() - 1) / c.beatTime()) }
	s.round = int(beats(c.roundTime()))
	s.bouts = max(1, int(c.beatTime()/boutPause/2))
	s.heartbeat, s.timeout, s.close = beats(c.Heartbeat), beats(c.HeartbeatTimeout), beats(c.CloseTimeout)
}

// ping is every heartbeat (RFC 6455 section 5.5.2).
var ping = controlFrame(ws.OpPing, nil)

// faultSilent ends a connection whose other end is presumed gone.
var faultSilent = &fault{ws.StatusPolicyViolation, "heartbeat timeout", HeartbeatTimeout}

// The bounds of what a sweep does without a pause. A ping costs some 10 µs and a close more,
// and those who came together are silent together.
const (
	bout      = 16 // pings, closes and reminders at a time
	boutPause = time.Millisecond
)

// beat is the clock's post: time has passed. It asks for a look at one slice of the
// connections, so that a round's pings are spread over the round.
func (w *Worker) beat() {
	w.beating.Store(false)
	now := time.Now()
	w.beatAt.Store(now.UnixNano())
	w.trim()
	s := &w.sweep
	s.second = uint32(now.Unix())
	s.beat++
	s.owed += (len(w.conns) + s.round - 1) / s.round
	w.look()
}

// look takes the looks that are owed, and when it has done something for some of them
// leaves the rest for later: the loop has others to serve. So that the rest is done before
// it is time for more, it does more at a time if there is very much.
func (w *Worker) look() {
	s := &w.sweep
	s.owed = min(s.owed, len(w.conns))
	most := max(bout, s.owed/s.bouts)
	for done := 0; s.owed > 0 && done < most; s.owed-- {
		if s.cursor >= len(w.conns) {
			s.cursor = 0
		}
		if w.conns[s.cursor].look(s) {
			done++
		}
		s.cursor++
	}
	if s.owed == 0 {
		return
	}
	if s.again == nil {
		s.again = time.AfterFunc(boutPause, func() { _ = w.inbox.must((*Worker).look) })
		return
	}
	s.again.Reset(boutPause)
}

// look does what the time asks for on one connection, and reports whether that was
// anything. Closing the socket from here is safe for the reason given at drain.
func (c *Conn) look(s *sweep) bool {
	silent := s.beat - c.heard
	switch {
	case c.state == gone:
		return false
	case c.state != open:
		if silent < s.close {
			return false
		}
		_ = c.nc.Close()
	case c.due != 0 && c.due <= s.second:
		c.remind()
	case silent >= s.timeout:
		c.fail(faultSilent)
	case silent >= s.heartbeat && !c.pinged:
		c.pinged = true
		c.Send(ping)
	default:
		return false
	}
	return true
}

// forget takes a connection out of the worker's list. The last one fills its
// place; if that would take it from before the cursor, one in between is moved
// too, so that no connection slips through a round.
func (s *sweep) forget(w *Worker, c *Conn) {
	hole, last := int(c.index), len(w.conns)-1
	if hole < s.cursor && s.cursor <= last {
		s.cursor--
		w.move(s.cursor, hole)
		hole = s.cursor
	}
	w.move(last, hole)
	w.conns[last] = nil
	w.conns = w.conns[:last]
}

func (w *Worker) move(from, to int) {
	w.conns[to] = w.conns[from]
	w.conns[to].index = int32(to)
}

// clock posts the beats. A worker that has not run its last gets no other.
func (r *Reactor) clock() {
	defer close(r.clocked)
	t := time.NewTicker(r.config.beatTime())
	defer t.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-t.C:
		}
		for _, w := range r.workers {
			if w.beating.CompareAndSwap(false, true) {
				_ = w.inbox.must((*Worker).beat)
			}
		}
	}
}
