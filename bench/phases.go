package main

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Phases sorts the latencies of one loop by what was going on when each message was
// due: not when it came, since a stall's worst messages come after it.
type Phases struct {
	starts  atomic.Pointer[[]phaseStart]
	latency []*hdrhistogram.Histogram // by phase; owned by the loop until it has ended
}

// phaseStart says from when on a phase lasts; the same one may come again.
type phaseStart struct {
	phase int
	at    time.Duration
}

// newPhases returns so many phases, of which none has begun.
func newPhases(n int) *Phases {
	p := &Phases{latency: make([]*hdrhistogram.Histogram, n)}
	for i := range p.latency {
		p.latency[i] = newHistogram()
	}
	p.starts.Store(&[]phaseStart{})
	return p
}

// Enter begins a phase. May be called while the loop records, by one goroutine.
func (p *Phases) Enter(phase int, at time.Duration) {
	starts := append(slices.Clone(*p.starts.Load()), phaseStart{phase, at})
	p.starts.Store(&starts)
}

// Record adds a latency to the phase in which its message was due. What was due
// before the first is left out. Called on the loop.
func (p *Phases) Record(due, latency time.Duration) {
	for _, s := range slices.Backward(*p.starts.Load()) {
		if due >= s.at {
			record(p.latency[s.phase], latency)
			return
		}
	}
}

// Quantiles are those of one phase, without their curve. The loop must have ended.
func (p *Phases) Quantiles(phase int) Quantiles {
	q := quantiles(p.latency[phase])
	q.Curve = nil
	return q
}
