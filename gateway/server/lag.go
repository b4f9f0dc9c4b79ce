package server

import (
	"sync/atomic"
	"time"
)

// heard is when a worker was last given messages for its members. Each has a cache line
// of its own, so that no worker waits for another's.
type heard struct {
	at atomic.Int64 // Unix nanoseconds
	_  [56]byte
}

// talk is how long after a message its members count as being in conversation.
const talk = 100 * time.Millisecond

// Late reports whether those who are connected are served late: whether a worker that
// has had messages for its members of late owes a look at its queue for longer than the
// limit. While nothing is said nobody is late, however busy the workers are. Never
// waits; may be called on any goroutine.
func (s *Server) Late(limit time.Duration) bool {
	now := time.Now().UnixNano()
	for i, w := range s.Workers {
		if now-s.relay.heard[i].at.Load() < int64(talk) && w.Lag() > limit {
			return true
		}
	}
	return false
}
