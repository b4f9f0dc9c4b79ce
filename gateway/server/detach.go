package server

import (
	"sync"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/reactor"
)

// attached is the reliable sessions that have a connection on this node, by id.
type attached struct {
	mu   sync.Mutex
	byID map[string]*session
}

func (a *attached) add(s *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byID[s.id.String()] = s
}

func (a *attached) remove(s *session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if id := s.id.String(); a.byID[id] == s {
		delete(a.byID, id)
	}
}

func (a *attached) get(id string) *session {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.byID[id]
}

// ends are the ends of a connection with which its session ends, too: the client has
// said so, or has done what no session survives. All others are lost connections.
var ends = map[reactor.Reason]bool{
	reactor.ClientClosed: true, reactor.ProtocolError: true, reactor.BadUTF8: true, reactor.BadDeflate: true,
	reactor.TooBig: true, reactor.TooManyFragments: true, reactor.RateLimit: true, reactor.SlowReader: true, reactor.HandlerPanic: true,
	closedInvalidRequest: true, closedBinaryFrame: true, closedJoinFailed: true, closedTokenExpired: true,
	closedByApplication: true, closedRevoked: true, closedNotRecovered: true,
}

// attach has others find a session. Called on its loop.
func (s *session) attach() {
	s.server.attached.add(s)
	s.server.relay.reliables[s.worker()].all[s] = struct{}{}
	s.change()
}

// detach is the end of a reliable session's connection: the session ends with it, or
// waits for its client to come back. Called on its loop, last.
func (s *session) detach(why reactor.Reason) {
	r := s.reliable
	w := &s.server.relay.reliables[s.worker()]
	delete(w.all, s)
	switch {
	case r.recovery != nil || r.released != nil || r.abandoned:
	case ends[why]:
		s.abandon()
	default:
		s.letGo(nil)
	}
	w.runs.Add(-int64(len(r.window.runs)))
	r.window, r.replay = window{}, nil
}

// abandon ends a reliable session for good. Called on its loop.
func (s *session) abandon() {
	s.reliable.abandoned = true
	s.server.attached.remove(s)
	s.server.keeper.forget(s.id.String())
}

// letGo has the session leave its groups, so that it can go on elsewhere from where it
// stands: then, if not nil, is given its record, and otherwise the record is kept. Both
// once every request that the client has sent is answered, since an ackId that was done
// is not done again. Called on the loop of the session.
func (s *session) letGo(then func(*record)) {
	r := s.reliable
	if then != nil {
		r.then = append(r.then, then)
	}
	if r.released == nil {
		s.server.counts.detached.Inc()
		r.released = s.record().detached()
		for _, m := range s.memberships {
			s.server.relay.leave(s, m)
		}
		s.memberships = nil
		if s.backlog != nil {
			for _, h := range s.backlog.held {
				s.server.relay.submit(s, h.outgoing)
			}
			s.backlog = nil
		}
	}
	s.releaseSettled()
}

// releaseSettled hands over the record of a session that was let go, if every request is
// answered. Called on the loop.
func (s *session) releaseSettled() {
	r := s.reliable
	if r == nil || r.released == nil || r.abandoned || s.acks.pending() {
		return
	}
	r.abandoned = true
	r.released.Acks = s.acks.runsDone()
	defer s.server.attached.remove(s) // after it is found elsewhere
	if len(r.then) == 0 {
		s.server.keeper.keep(r.released, nil)
		return
	}
	// Who asked first goes on with it; there is one session.
	r.then[0](r.released)
	for _, then := range r.then[1:] {
		then(nil)
	}
	r.then = nil
}

// supersede lets go of a session that goes on on another connection, and ends this one.
// Called on the loop of the session.
func (s *session) supersede(then func(*record)) {
	if s.reliable.abandoned || s.reliable.recovery != nil {
		then(nil)
		return
	}
	s.letGo(then)
	s.stage = departed
	s.conn.Close(ws.StatusPolicyViolation, "the session goes on on another connection", closedSuperseded)
}

// releaseRest keeps the sessions whose requests were not all answered when the node
// ended. Called when no loop runs any more.
func (s *Server) releaseRest() {
	s.attached.mu.Lock()
	defer s.attached.mu.Unlock()
	for _, one := range s.attached.byID {
		if r := one.reliable; r.released != nil && !r.abandoned {
			r.abandoned = true
			r.released.Acks = one.acks.runsDone()
			s.keeper.keep(r.released, nil)
		}
	}
}
