package server

import "github.com/tidegate/tidegate/reactor"

// checkpointParts is in how many parts the sessions that have changed are written, spread
// over Sessions.Checkpoint, so that no loop is held up by all of them at once.
const checkpointParts = 8

// checkpointBatch is how many sessions one worker writes at a time at most: if more have
// changed, each is written less often.
const checkpointBatch = 1024

// checkpoint has the workers give the keeper a part of what has changed of their sessions.
// Called on the keeper's goroutine.
func (s *Server) checkpoint(refresh bool) {
	for i := range s.relay.reliables {
		r := &s.relay.reliables[i]
		_ = s.Workers[i].TryPost(func(*reactor.Worker) { r.checkpoint(refresh) })
	}
}

// checkpoint gives the keeper what is due. Called on the loop.
func (r *reliables) checkpoint(refresh bool) {
	if refresh {
		for s := range r.all {
			s.change()
		}
	}
	if r.part--; r.part <= 0 && len(r.due) == 0 {
		r.due, r.changed, r.part = r.changed, nil, checkpointParts
		r.share = min((len(r.due)+checkpointParts-1)/checkpointParts, checkpointBatch)
	}
	n := min(len(r.due), r.share)
	for _, s := range r.due[:n] {
		s.reliable.changed = false
		s.save(nil)
	}
	clear(r.due[:n])
	if r.due = r.due[n:]; len(r.due) == 0 {
		r.due = nil
	}
}

// save has the keeper write what the session is now, and reports whether it does: not of
// a session that is nobody's, or goes on elsewhere. Called on its loop.
func (s *session) save(then func()) bool {
	r := s.reliable
	if r.recovery != nil || r.released != nil || r.abandoned {
		return false
	}
	s.server.keeper.keep(s.record(), then)
	return true
}

// saved has f run on the loop when what the session is now was written: what was acked
// is not lost with the node. Others do not wait.
func (s *session) saved(f func()) {
	if s.reliable == nil || !s.save(func() { post(s.conn.Worker(), func(*reactor.Worker) { f() }, nil) }) {
		f()
	}
}
