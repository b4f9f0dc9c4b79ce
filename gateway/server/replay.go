package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// replay sends a session again what its client has not acked, in the order and with the
// numbers of the first time. Owned by the session's loop; the stream is read in the pool,
// a run at a time.
type replay struct {
	session *session
	acked   uint64
	runs    []sent // that are not read yet
	reading bool   // a run, which is no longer in runs; what was read before it has gone
	frame   reactor.Frame
}

func newReplay(s *session, runs []sent) *replay {
	return &replay{session: s, acked: s.reliable.window.acked, runs: append([]sent(nil), runs...)}
}

// errMissing: the stream no longer has what the client has not acked.
var errMissing = errors.New("server: the stream no longer holds what was not acked")

// hand goes on: what was read goes to the connection, if it takes it, then the next run is
// read. Called on the loop, and again when the connection takes messages again.
func (p *replay) hand() {
	if p.reading {
		return // the run goes on by itself when it is there
	}
	s := p.session
	if p.frame.Len() > 0 {
		if !s.conn.Offer(p.frame) {
			return
		}
		p.frame = reactor.Frame{}
	}
	if len(p.runs) == 0 {
		s.reliable.replay = nil
		s.goOn()
		return
	}
	p.read()
}

// read has the next run read. Called on the loop.
func (p *replay) read() {
	run, acked := p.runs[0], p.acked
	p.runs, p.reading = p.runs[1:], true
	s := p.session
	w := s.conn.Worker()
	retry := func() {
		time.AfterFunc(pursuitPause, func() {
			_ = w.Post(func(*reactor.Worker) { p.retry(run) })
		})
	}
	err := w.Pool().TrySubmit(func() {
		frame, err := s.server.relay.read(broker.Group{Hub: s.hub, Name: run.Group}, s.id.String(), run, acked)
		if err != nil && !errors.Is(err, errMissing) {
			s.server.Log.Warn("what a client had not acked could not be read; it is tried again", slog.Any("error", err))
			retry()
			return
		}
		_ = w.Post(func(*reactor.Worker) { p.took(frame, err) })
	})
	if err != nil {
		retry()
	}
}

// retry has a run read once more. Called on the loop.
func (p *replay) retry(run sent) {
	if p.over() {
		return
	}
	p.reading = false
	p.runs = append([]sent{run}, p.runs...)
	p.hand()
}

// took takes a run that was read. Called on the loop.
func (p *replay) took(frame reactor.Frame, err error) {
	if p.over() {
		return
	}
	p.reading = false
	if err != nil {
		p.session.lose()
		return
	}
	p.frame = frame
	p.hand()
}

// over reports whether the session has gone, or does without the replay.
func (p *replay) over() bool { return p.session.reliable.replay != p || p.session.stage == departed }

// lose ends a session that cannot go on without a hole: its client begins anew, and knows
// it. Called on the loop.
func (s *session) lose() {
	s.reliable.replay = nil
	s.server.counts.sessionsLost.Inc()
	s.conn.Close(ws.StatusPolicyViolation, "a group's stream no longer holds what you missed: connect anew", closedNotRecovered)
}

// again is the messages of a run on their way to a client that may have them already.
type again struct {
	run    sent
	self   string // whose they are: what it has sent itself with noEcho was not sent to it
	acked  uint64
	number uint64          // of the next message
	after  broker.Position // up to where was read
	frames reactor.Builder
}

// read reads a run and makes its frames, of what was not acked. Called in the pool.
func (r *relay) read(g broker.Group, self string, run sent, acked uint64) (reactor.Frame, error) {
	ctx, cancel := context.WithTimeout(context.Background(), pursuitRead)
	defer cancel()
	a := again{run: run, self: self, acked: acked, number: run.First, after: run.From}
	for a.after.Before(run.Last) {
		messages, err := r.broker.Read(ctx, g, a.after, pursuitPage)
		if errors.Is(err, broker.ErrTrimmed) || err == nil && len(messages) == 0 {
			return reactor.Frame{}, errMissing
		}
		if err != nil {
			return reactor.Frame{}, err
		}
		a.add(messages)
	}
	if a.number != run.end()+1 {
		return reactor.Frame{}, errMissing
	}
	return a.frames.Frame(), nil
}

// add numbers a page of messages as far as they are of the run.
func (a *again) add(messages []*broker.Message) {
	for _, m := range messages {
		if a.run.Last.Before(m.Position) {
			break
		}
		if m.Lost || m.Exclude == a.self {
			continue
		}
		if a.number > a.acked {
			a.frames.Add(false, func(dst []byte) []byte {
				return wire.AppendNumbered(dst, a.number, envelope(nil, m, false)[1:])
			})
		}
		a.number++
	}
	a.after = messages[len(messages)-1].Position
}

// rejoin goes on in a group from where the session stood. If the group cannot be opened it
// is tried again, for as long as the session is there. Called on the loop.
func (s *session) rejoin(p place) {
	if s.stage == departed || !s.reliable.rejoins(p.Group) {
		return
	}
	from, g := &past{since: p.From, resumes: true, empty: p.Empty, silent: !p.Notices}, broker.Group{Hub: s.hub, Name: p.Group}
	s.server.relay.join(s, g, from, func(e entered) {
		switch {
		case !s.reliable.rejoins(p.Group), s.stage == departed, s.reliable.released != nil:
		case e.err != nil:
			if errors.Is(e.err, errNodeGroups) {
				s.server.counts.fault(faultNodeGroups)
			}
			w, try := s.conn.Worker(), func(*reactor.Worker) { s.rejoin(p) }
			time.AfterFunc(recoveryPause, func() { _ = w.Post(try) })
		case e.recovered == wire.NotRecovered:
			s.lose()
		default:
			s.reliable.rejoined(p.Group)
			if p.Watches && s.server.attendance.keeps(g) {
				s.server.attendance.watch(s, g)
			}
		}
	})
}

// rejoins reports whether a group is one that the session has yet to be in again.
func (r *reliable) rejoins(group string) bool {
	return slices.ContainsFunc(r.rejoining, func(p place) bool { return p.Group == group })
}

// rejoined notes that the session is in a group again, or has left it.
func (r *reliable) rejoined(group string) {
	r.rejoining = slices.DeleteFunc(r.rejoining, func(p place) bool { return p.Group == group })
}
