package server

import (
	"sync"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/reactor"
)

// errands is what a worker is asked to do for the application, in the order in which it
// was asked: a permission that was given and then taken must not end up given. They go to
// the loop together, by one post, however far behind it is.
type errands struct {
	worker  *reactor.Worker
	refused *metrics.Counter

	mu      sync.Mutex // guards what follows; held for moments
	waiting []errand
	posted  bool
}

// errand is one of them; over, if the worker has ended for good.
type errand struct{ do, over func() }

// errandLimit is how many may wait for a worker. One more is refused, and whoever asked
// is told.
const errandLimit = 10_000

// add reports whether it will be done. It never waits; may be called on any goroutine.
func (e *errands) add(one errand) bool {
	e.mu.Lock()
	if len(e.waiting) >= errandLimit {
		e.mu.Unlock()
		e.refused.Inc()
		return false
	}
	e.waiting = append(e.waiting, one)
	first := !e.posted
	e.posted = true
	e.mu.Unlock()
	if first {
		post(e.worker, func(*reactor.Worker) { e.run(false) }, func() { e.run(true) })
	}
	return true
}

// depth is how many wait.
func (e *errands) depth() float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return float64(len(e.waiting))
}

// run does all that waits.
func (e *errands) run(over bool) {
	e.mu.Lock()
	all := e.waiting
	e.waiting, e.posted = nil, false
	e.mu.Unlock()
	for _, one := range all {
		if over {
			one.over()
		} else {
			one.do()
		}
	}
}
