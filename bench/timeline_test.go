package main

import (
	"testing"
	"time"
)

// window is what a loop saw in one second.
func window(loop, second int, delivered uint64, latency time.Duration) *Window {
	w := newWindow(loop)
	w.Second, w.All.Delivered, w.Idle = second, delivered, 100*time.Millisecond
	for range delivered {
		record(w.Latency, latency)
	}
	return w
}

// A second becomes a point once every loop has left it, and the points come in
// order, whatever the order of the windows.
func TestTimeline(t *testing.T) {
	var told []Point
	tl := newTimeline(2, func(p Point) { told = append(told, p) })
	take := func(w *Window, points int) {
		t.Helper()
		tl.take(w)
		if len(told) != points {
			t.Fatalf("%d points after loop %d second %d, want %d", len(told), w.Loop, w.Second, points)
		}
	}
	take(window(0, 0, 10, time.Millisecond), 0)
	take(window(0, 1, 10, time.Millisecond), 0)
	take(window(1, 0, 5, 2*time.Millisecond), 1)
	take(window(0, 2, 1, time.Millisecond), 1)
	take(window(1, 2, 1, time.Millisecond), 3) // a loop may skip a second
	tl.finish()
	for i, want := range []uint64{15, 10, 2} {
		if told[i].Second != i || told[i].Delivered != want {
			t.Errorf("point %d: %+v, want %d delivered", i, told[i], want)
		}
	}
	if p := told[0]; p.P50 < 0.99 || p.P50 > 1.01 || p.Max < 1.99 || p.Max > 2.01 {
		t.Errorf("quantiles of the first second: %+v", p)
	}
	if tl.Sum.All.Delivered != 27 || tl.Sum.Latency.TotalCount() != 27 {
		t.Errorf("%d delivered and %d latencies in all, want 27", tl.Sum.All.Delivered, tl.Sum.Latency.TotalCount())
	}
	// Loop 1 waited 200 ms of a second.
	if busy := tl.Busiest(time.Second); busy < 0.79 || busy > 0.81 {
		t.Errorf("busiest loop: %g, want 0.8", busy)
	}
}

// What is open at the end is told as well, through the channels that loops use.
func TestTimelineCollect(t *testing.T) {
	var told []Point
	tl := newTimeline(1, func(p Point) { told = append(told, p) })
	full, empty := make(chan *Window, 3), make(chan *Window, 1)
	full <- window(0, 0, 1, time.Millisecond)
	full <- window(0, 3, 2, time.Millisecond)
	full <- window(0, 3, 4, time.Millisecond)
	close(full)
	tl.collect(full, empty)
	if len(told) < 2 || tl.Sum.All.Delivered != 7 || len(empty) != 1 {
		t.Errorf("%+v, %d delivered, %d windows given back", told, tl.Sum.All.Delivered, len(empty))
	}
}

func TestWindowReset(t *testing.T) {
	w := window(1, 7, 3, time.Second)
	w.Faults.Foreign, w.Measured.Sent = 1, 1
	record(w.Acks, time.Second)
	record(w.Lateness, time.Second)
	w.reset()
	if w.Loop != 1 || w.Second != 0 || w.All != (Counts{}) || w.Measured != (Counts{}) || w.Faults != (Faults{}) || w.Idle != 0 ||
		w.Latency.TotalCount()+w.Acks.TotalCount()+w.Lateness.TotalCount() != 0 {
		t.Errorf("%+v", w)
	}
}

func TestRecordClamps(t *testing.T) {
	f := func(d time.Duration, low, high int64) {
		t.Helper()
		h := newHistogram()
		record(h, d)
		if got := h.Max(); h.TotalCount() != 1 || got < low || got > high {
			t.Errorf("%v: %d µs, want %d to %d", d, got, low, high)
		}
	}
	f(-time.Second, 1, 1)
	f(0, 1, 1)
	f(1500*time.Nanosecond, 1, 1)
	f(time.Millisecond, 1000, 1000)
	f(time.Second, 999_000, 1_001_000)
	f(time.Hour, 59_900_000, 60_100_000)
}
