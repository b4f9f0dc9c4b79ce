package main

import (
	"testing"
	"time"
)

func TestCourse(t *testing.T) {
	p := defaultPlan()
	p.Warmup, p.Duration = 2*time.Second, 30*time.Second
	c := newCourse(p)
	f := func(due time.Duration, want bool) {
		t.Helper()
		if c.Measures(due) != want {
			t.Errorf("what is due at %v is measured: %v, want %v", due, !want, want)
		}
	}
	f(0, false)
	f(2*time.Second-1, false)
	f(2*time.Second, true)
	f(32*time.Second-1, true)
	f(32*time.Second, false)
	if c.Measured() != 30*time.Second || c.End() != 32*time.Second {
		t.Errorf("%v measured, end %v", c.Measured(), c.End())
	}

	c.start = time.Now().Add(-12 * time.Second)
	c.Cut()
	if got := c.Measured(); got < 10*time.Second || got > 20*time.Second {
		t.Errorf("%v measured after a cut at 12 s, want 10 s", got)
	}
	f(11*time.Second, true)
	f(31*time.Second, false)

	end := c.End()
	c.start = time.Now().Add(-20 * time.Second)
	c.Cut()
	if c.End() != end {
		t.Errorf("a second cut moved the end from %v to %v", end, c.End())
	}
}

// A run that is cut in its warm-up has measured nothing.
func TestCourseCutInWarmup(t *testing.T) {
	p := defaultPlan()
	p.Warmup = time.Hour
	c := newCourse(p)
	c.Cut()
	if c.Measured() != 0 || c.Measures(0) || c.Measures(time.Hour) {
		t.Errorf("%v measured", c.Measured())
	}
}
