package server

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/reactor"
)

// recovery is a client's attempt to go on with its session: the record is looked for
// where it may be, and taken from whoever has it. Nothing that the client says is done
// before it is known which session it is. It belongs to the loop of the new connection;
// its steps run in the pool, one at a time.
type recovery struct {
	session *session
	id      string // the connectionId that the client has shown
	token   string
	early   [][]byte // frames that came meanwhile
	bytes   int      // of them

	// Owned by the step that runs.
	nonce string    // by which the owner's answer is known, once it was asked
	until time.Time // for it to answer
	over  bool      // it has no better answer
	polls int       // how often it was looked for an answer
	tries int       // of what failed
	began time.Time
}

// The bounds of a recovery.
const (
	earlyFrames   = 256
	earlyBytes    = 1 << 20
	recoveryPoll  = 50 * time.Millisecond   // before the owner's answer is looked for; then twice that, and so on
	slowestPoll   = 400 * time.Millisecond  // since there may be many
	releaseWait   = 1500 * time.Millisecond // for a node that lives to let go of a session
	recoveryTries = 20                      // that find the broker away
	recoveryTime  = 20 * time.Second        // in all: clients give up after 30
	recoveryPause = 250 * time.Millisecond
	// leap is by how much numbers jump beyond the clock, for clocks that differ.
	leap = 1_000_000
)

// outcome is what came of a recovery.
type outcome string

const (
	recoveredHere  outcome = "here"      // the session had a connection on this node, or had just lost it
	recoveredKept  outcome = "kept"      // from where all nodes find it
	recoveredAsked outcome = "handed"    // another node had it, and let go
	recoveredDead  outcome = "dead_node" // from the last checkpoint of a node that is gone
	notKnown       outcome = "unknown"   // or expired, or somebody else's
	notPossible    outcome = "failed"    // the broker could not be asked: the client tries again
)

var recoveryOutcomes = []outcome{recoveredHere, recoveredKept, recoveredAsked, recoveredDead, notKnown, notPossible}

// hear keeps a frame until it is known whose it is. Called on the loop.
func (v *recovery) hear(frame []byte) {
	if len(v.early) >= earlyFrames || v.bytes+len(frame) > earlyBytes {
		v.session.stage = departed
		v.session.conn.Close(tryAgainLater, "too much was said before the session was recovered", closedNotRecovered)
		return
	}
	v.bytes += len(frame)
	v.early = append(v.early, append([]byte(nil), frame...))
}

// begin looks on this node first. Called on the loop.
func (v *recovery) begin() {
	s := v.session.server
	if old := s.attached.get(v.id); old != nil {
		if old.hub != v.session.hub || !mayRecover(old.reliable.token, v.token) {
			v.fail(notKnown)
			return
		}
		hand := func(c *record) { v.bring(c, recoveredHere) }
		if old.conn.Worker().TryPost(func(*reactor.Worker) { old.supersede(hand) }) != nil {
			v.later(v.begin)
		}
		return
	}
	c, writing := s.keeper.claim(v.id)
	switch {
	case writing: // soon it is where all nodes find it; what is there now is older
		v.later(v.begin)
	case c == nil:
		v.submit()
	case !v.owns(c):
		s.keeper.keep(c, nil)
		v.fail(notKnown)
	default:
		v.found(c, recoveredHere)
	}
}

// bring posts what another loop or the pool has found; nil sends the recovery to look
// again, since somebody else had it first. If the node ends meanwhile, the session waits
// for its client elsewhere.
func (v *recovery) bring(c *record, o outcome) {
	s := v.session
	post(s.conn.Worker(), func(*reactor.Worker) {
		if c == nil {
			v.later(v.begin)
			return
		}
		v.found(c, o)
	}, func() {
		if c != nil {
			s.server.keeper.keep(c.detached(), nil)
		}
	})
}

// refuse posts that there is nothing to go on with.
func (v *recovery) refuse(o outcome) {
	post(v.session.conn.Worker(), func(*reactor.Worker) { v.fail(o) }, nil)
}

// submit has the next step run in the pool. May be called on any goroutine that owns the
// recovery.
func (v *recovery) submit() {
	if v.session.conn.Worker().Pool().TrySubmit(v.step) != nil {
		v.tries-- // there is much to do, and nothing has failed
		v.later(v.submit)
	}
}

// later tries again after a pause, or gives up.
func (v *recovery) later(f func()) {
	if v.tries++; v.tries > recoveryTries || time.Since(v.began) > recoveryTime {
		v.refuse(notPossible)
		return
	}
	time.AfterFunc(recoveryPause, func() {
		_ = v.session.conn.Worker().Post(func(*reactor.Worker) { f() })
	})
}

// owns reports whether the client may go on with a session.
func (v *recovery) owns(c *record) bool {
	s := v.session
	return c.Hub == s.hub && c.User == s.identity.User && mayRecover(c.Token, v.token)
}

// step looks for the record where all nodes find it. Called in the pool.
func (v *recovery) step() {
	ctx, cancel := context.WithTimeout(context.Background(), pursuitRead)
	defer cancel()
	if v.nonce != "" && v.answered(ctx) {
		return
	}
	s := v.session.server
	data, err := s.relay.broker.Get(ctx, sessionKey(v.id))
	if err != nil {
		v.later(v.submit)
		return
	}
	var c *record
	if data != nil && string(data) != "null" {
		if c, err = decodeRecord(data); err != nil {
			s.Log.Warn("a session's record is not one", slog.Any("error", err))
		}
	}
	if c == nil || err != nil || !v.owns(c) {
		v.refuse(notKnown)
		return
	}
	if c.Detached {
		v.take(ctx, recoveredKept)
		return
	}
	lives, own := true, c.Owner == s.node // what this node lets go of is on its way there
	if !own {
		if lives, err = s.nodeLives(ctx, c.Owner); err != nil {
			v.later(v.submit)
			return
		}
	}
	if lives && v.nonce == "" {
		v.nonce, v.until = rand.Text(), time.Now().Add(releaseWait)
		if !own {
			s.askRelease(c.Owner, v.id, v.nonce)
		}
	}
	if !lives || v.over || time.Now().After(v.until) {
		v.take(ctx, recoveredDead)
		return
	}
	v.poll()
}

// poll looks again soon.
func (v *recovery) poll() {
	time.AfterFunc(min(recoveryPoll<<min(v.polls, 8), slowestPoll), v.submit)
	v.polls++
}

// answered looks whether the owner has let go. Called in the pool.
func (v *recovery) answered(ctx context.Context) bool {
	broker := v.session.server.relay.broker
	data, err := broker.Take(ctx, releaseKey(v.nonce))
	if err != nil || data == nil {
		return false
	}
	c, err := decodeRecord(data)
	if err != nil || c.ID == "" { // it knows of no such session: what is kept is all there is
		v.over = true
		return false
	}
	_, _ = broker.Take(ctx, sessionKey(v.id)) // an old checkpoint; it would expire as well
	v.bring(c, recoveredAsked)
	return true
}

// take takes the record; of several that try, one gets it. Called in the pool.
func (v *recovery) take(ctx context.Context, o outcome) {
	data, err := v.session.server.relay.broker.Take(ctx, sessionKey(v.id))
	if err != nil || data == nil {
		v.later(v.submit)
		return
	}
	c, err := decodeRecord(data)
	if err != nil || !v.owns(c) {
		v.refuse(notKnown)
		return
	}
	if c.Detached {
		o = recoveredKept
	}
	v.bring(c, o)
}

// fail ends a recovery that did not succeed: with 1008 the client begins anew, with 1013
// it tries again. Called on the loop.
func (v *recovery) fail(o outcome) {
	s := v.session
	s.server.counts.recoveries[o].Inc()
	if o == notPossible {
		s.conn.Close(tryAgainLater, "the session could not be looked for: try again", closedNotRecovered)
		return
	}
	s.conn.Close(ws.StatusPolicyViolation, "the session is not known, or not any more: connect anew", closedNotRecovered)
}

// found goes on with a session. If the client has gone again meanwhile, the session waits
// for it. Called on the loop.
func (v *recovery) found(c *record, o outcome) {
	s := v.session
	if s.stage != present {
		s.server.keeper.keep(c.detached(), nil)
		return
	}
	s.server.counts.recoveries[o].Inc()
	s.rename(c.ID)
	r := s.reliable
	r.token, r.recovery = c.Token, nil
	r.window = window{last: c.Last, acked: c.Acked, runs: c.Runs}
	for _, run := range c.Runs {
		r.window.unacked += run.Count
	}
	s.server.relay.reliables[s.worker()].runs.Add(int64(len(c.Runs)))
	s.acks.restore(c.Acks)
	for _, change := range c.Permits {
		_ = s.permit(change) // it was possible before
	}
	s.attach()
	s.log("session recovered", slog.String("from", string(o)))
	s.connected()
	s.watchExpiry()
	r.replay = newReplay(s, c.Runs)
	if o == recoveredDead || o == recoveredKept {
		r.window.last = beyond(r.window.last)
	}
	r.rejoining = append([]place(nil), c.Groups...)
	for _, p := range c.Groups {
		s.rejoin(p)
	}
	s.save(nil)
	if _, closed := s.server.closedLately.get(hubConnection{s.hub, s.id}); closed {
		s.expel(closedText, closedByApplication) // while it was on its way here
		return
	}
	r.replay.hand()
	for _, frame := range v.early {
		s.message(frame, false)
	}
}

// beyond is a number above all that the client can have had. What is kept of a session may
// be older than what it got last: its node has died since, or the broker has lost what
// was written later. What came after it is sent again, and must not be taken for what
// the client has; hence numbers of a clock, in microseconds, which no session outruns.
func beyond(last uint64) uint64 { return max(last, uint64(time.Now().UnixMicro())) + leap }
