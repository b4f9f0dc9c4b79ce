package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"github.com/tidegate/tidegate/gateway/wire"
)

const (
	// ackBatch is how many messages a session acks at once.
	ackBatch = 16
	// recoveryJump is less than what numbers jump by when a session goes on from what was
	// kept of it, and more than they do otherwise.
	recoveryJump = 500_000
)

// session is a follower's place in the reliable subprotocol. Its fields are guarded by
// the follower's lock.
type session struct {
	id, token string
	welcomed  bool   // the link has its greeting
	last      uint64 // the highest number that came
	acked     uint64
	again     bool // it went on from what was kept of it, which may be old
}

// recovering points a plan at the session, if the follower has one.
func (f *Follower) recovering(p Plan) Plan {
	if f.session == nil {
		return p
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p.Speak = wire.ReliableProtocol
	f.session.welcomed = false
	if f.session.id != "" {
		p.URL += "?" + url.Values{"awps_connection_id": {f.session.id}, "awps_reconnection_token": {f.session.token}}.Encode()
	}
	return p
}

// welcome waits for the greeting, and reports whether it came.
func (f *Follower) welcome(ctx context.Context, l *Link) bool {
	for {
		f.mu.Lock()
		welcomed := f.session.welcomed
		f.mu.Unlock()
		if welcomed {
			return true
		}
		select {
		case <-l.Gone:
			return false
		case <-ctx.Done():
			return false
		case <-time.After(joinPoll / 10):
		}
	}
}

// connected takes the greeting: of the session as it was, or of a new one. The caller
// holds the lock.
func (f *Follower) connected(n *Notice, now time.Duration) {
	recovered := n.ConnectionID == f.session.id
	if !recovered {
		*f.session = session{}
	}
	f.session.id, f.session.token, f.session.welcomed = n.ConnectionID, n.ReconnectionToken, true
	for g, s := range f.spots {
		if recovered && s.stays {
			s.in = true
			f.events = append(f.events, Event{Kind: sawResume, Group: g, Place: s.place, At: now})
		}
	}
}

// repeats takes the number of a message at a place, and reports whether it is one that
// came before: a client has to drop those that are not above the last. Where old is
// true, after the death of a node or if Redis has lost what was written last, they
// may come with new numbers, and the same place.
func (s *session) repeats(number uint64, p, last Place, old bool) bool {
	if number <= s.last {
		return true
	}
	s.again = s.again || number > s.last+recoveryJump // a new session counts from one
	s.last = number
	return old && s.again && p.compare(last) <= 0
}

// acknowledge acks what came, now and then.
func (f *Follower) acknowledge() {
	if f.session == nil {
		return
	}
	f.mu.Lock()
	l, upTo := f.link, f.session.last
	due := l != nil && upTo >= f.session.acked+ackBatch
	if due {
		f.session.acked = upTo
	}
	f.mu.Unlock()
	if due {
		_ = l.Write(ws.OpText, fmt.Appendf(nil, `{"type":"sequenceAck","sequenceId":%d}`, upTo)) // broken: the link ends
	}
}

// ended forgets a session that cannot go on: whose recovery was refused, who was closed
// for good, or who does not know what became of a join.
func (s *session) ended(asked bool, why error) {
	if asked || strings.Contains(why.Error(), "closed it with 1008") {
		*s = session{}
	}
}

// depart ends the link. Who says goodbye has no session any more.
func (f *Follower) depart(l *Link, polite bool) {
	l.Close(polite)
	if polite && f.session != nil {
		f.mu.Lock()
		*f.session = session{}
		f.mu.Unlock()
	}
}
