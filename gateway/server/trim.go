package server

import (
	"context"
	"runtime/debug"
	"time"
)

// A handshake leaves some 10 KB of garbage behind, its request, while the
// connection that stays needs a tenth of that. Go collects at twice what is in
// use, or after two minutes; so a node to which many connections came at once
// would hold more garbage than connections just when it is looked at.
const (
	trimAfter = 500             // handshakes
	trimQuiet = 2 * time.Second // without another one
)

// trim gives the memory of handshakes back to the system once a wave of them is
// over, until ctx ends. While they come it does nothing: the collector's own pace
// is then the cheaper one.
func (s *Server) trim(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	tick := time.NewTicker(trimQuiet)
	defer tick.Stop()
	var seen, trimmed uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := s.upgraded.Load()
		if now == seen && now-trimmed >= trimAfter {
			debug.FreeOSMemory()
			debug.FreeOSMemory() // the stacks that the first one freed
			trimmed = now
		}
		seen = now
	}
}
