package server

import (
	"context"
	"runtime/debug"
	"time"
)

// A handshake leaves some 14 KB of garbage behind, its request, while the
// connection that stays needs a tenth of that. Go collects at twice what is in
// use, or after two minutes; so a node to which many connections came at once
// would hold more garbage than connections just when it is looked at, and what
// stays would lie scattered over the pages that the garbage has left.
const (
	trimAfter = 500             // handshakes
	trimQuiet = 2 * time.Second // without another one
	wavePace  = 30              // percent of what is in use that is allocated before the next collection
)

// handshake counts one that was made. Called on its goroutine.
func (s *Server) handshake() {
	if s.upgraded.Add(1)%trimAfter == 0 {
		select {
		case s.wave <- struct{}{}:
		default: // it is known already
		}
	}
}

// trim has the garbage of handshakes collected early while a wave of them comes, and
// its memory given back to the system once they are over, until ctx ends.
func (s *Server) trim(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	tick := time.NewTicker(trimQuiet)
	defer tick.Stop()
	usual, wave := 0, false // Go's pace before the wave
	endWave := func() {
		if wave {
			wave = false
			debug.SetGCPercent(usual)
		}
	}
	defer endWave()
	var seen, trimmed uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wave:
			if !wave {
				wave, usual = true, debug.SetGCPercent(wavePace)
			}
			continue
		case <-tick.C:
		}
		now := s.upgraded.Load()
		if now-seen < trimAfter {
			endWave()
		}
		if now == seen && now-trimmed >= trimAfter {
			debug.FreeOSMemory()
			debug.FreeOSMemory() // the stacks that the first one freed
			trimmed = now
		}
		seen = now
	}
}
