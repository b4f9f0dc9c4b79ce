package main

import (
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Point is one second of a run, all loops together.
type Point struct {
	Second    int     `json:"second"`
	Sent      uint64  `json:"sent"`
	Delivered uint64  `json:"delivered"`
	P50       float64 `json:"p50_ms"` // of what was measured in that second; 0 if nothing was
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
}

// Timeline puts the windows of all loops together: into one sum, and into a point
// a second. Owned by one goroutine.
type Timeline struct {
	Sum    *Window
	Points []Point

	point  func(Point)           // called with each second that is complete
	latest []int                 // by loop: the second of its last window
	open   map[int]*Window       // seconds that not all loops have left
	spare  []*Window             // for the next seconds
	idle   map[int]time.Duration // by loop: time spent waiting
}

// newTimeline returns an empty timeline for so many loops.
func newTimeline(loops int, point func(Point)) *Timeline {
	return &Timeline{
		Sum: newWindow(0), point: point,
		latest: slices.Repeat([]int{-1}, loops), open: map[int]*Window{}, idle: map[int]time.Duration{},
	}
}

// collect takes windows until there are no more and gives the used ones back.
func (t *Timeline) collect(full <-chan *Window, empty chan<- *Window) {
	for w := range full {
		t.take(w)
		select {
		case empty <- w:
		default:
		}
	}
	t.finish()
}

// take adds one window; seconds that every loop has left become points.
func (t *Timeline) take(w *Window) {
	t.Sum.merge(w)
	t.idle[w.Loop] += w.Idle
	second := t.open[w.Second]
	if second == nil {
		second = newWindow(0)
		if n := len(t.spare); n > 0 {
			second, t.spare = t.spare[n-1], t.spare[:n-1]
			second.reset()
		}
		t.open[w.Second] = second
	}
	second.merge(w)
	t.latest[w.Loop] = w.Second
	t.close(slices.Min(t.latest))
}

// finish closes what is open.
func (t *Timeline) finish() {
	if len(t.open) > 0 {
		t.close(slices.Max(t.latest))
	}
}

// close makes points of all open seconds up to one, in order.
func (t *Timeline) close(upto int) {
	var seconds []int
	for s := range t.open {
		if s <= upto {
			seconds = append(seconds, s)
		}
	}
	slices.Sort(seconds)
	for _, s := range seconds {
		w := t.open[s]
		p := Point{Second: s, Sent: w.All.Sent, Delivered: w.All.Delivered}
		if n := uint64(w.Latency.TotalCount()); n > 0 && n >= w.All.Delivered/2 {
			// Of a second at the border of the warm-up the smaller part is no quantile.
			p.P50, p.P99, p.Max = quantile(w.Latency, 50), quantile(w.Latency, 99), milliseconds(w.Latency.Max())
		}
		t.Points = append(t.Points, p)
		t.point(p)
		delete(t.open, s)
		t.spare = append(t.spare, w)
	}
}

// Busiest is the share of so much time in which the busiest loop did not wait.
func (t *Timeline) Busiest(measured time.Duration) float64 {
	if measured <= 0 || len(t.idle) == 0 {
		return 0
	}
	least := measured
	for _, idle := range t.idle {
		least = min(least, idle)
	}
	return 1 - float64(least)/float64(measured)
}

// quantile is a percentile in milliseconds, 0 of an empty histogram.
func quantile(h *hdrhistogram.Histogram, percent float64) float64 {
	return milliseconds(h.ValueAtQuantile(percent))
}

// milliseconds converts what a histogram holds.
func milliseconds(micros int64) float64 { return float64(micros) / 1000 }
