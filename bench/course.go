package main

import (
	"sync/atomic"
	"time"
)

// Course is where a run stands in time, shared by its loops and whoever drives
// them. All times are counted from start, on the monotonic clock; payloads carry
// them, so they mean something in this process only.
type Course struct {
	// Static after construction.
	start time.Time
	from  time.Duration // what is due before it is warm-up

	end  atomic.Int64 // nothing is due from here on, in nanoseconds
	over atomic.Bool  // the loops end
}

// newCourse starts the clock.
func newCourse(p Plan) *Course {
	c := &Course{start: time.Now(), from: p.Warmup}
	c.end.Store(int64(p.Warmup + p.Duration))
	return c
}

// Elapsed is the time since the start.
func (c *Course) Elapsed() time.Duration { return time.Since(c.start) }

// End is when the last publish is due. It comes closer when the run is cut short.
func (c *Course) End() time.Duration { return time.Duration(c.end.Load()) }

// Cut ends the schedule now. What was published is still waited for.
func (c *Course) Cut() {
	now := int64(c.Elapsed())
	if now < c.end.Load() {
		c.end.Store(now)
	}
}

// Measures reports whether what is due then belongs to the figures.
func (c *Course) Measures(due time.Duration) bool { return due >= c.from && due < c.End() }

// Measured is how long the measured time was.
func (c *Course) Measured() time.Duration { return max(c.End()-c.from, 0) }
