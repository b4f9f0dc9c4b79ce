package main

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histograms hold microseconds, from one to a minute, to three digits: beyond a
// minute a latency only says that nothing works.
const (
	histogramMax    = int64(time.Minute / time.Microsecond)
	histogramDigits = 3
)

// newHistogram returns an empty histogram of microseconds.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, histogramMax, histogramDigits)
}

// record adds one duration, clamped to what the histogram holds.
func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d.Microseconds(), 1), histogramMax)) // cannot fail within the bounds
}

// Counts is what happened, as numbers. Publishes and deliveries are counted where
// they belong by their due time, not by when they happened.
type Counts struct {
	Intended   uint64 // publishes that the schedule had
	Owed       uint64 // deliveries that those would make
	Sent       uint64 // publishes written to a socket
	OnSchedule uint64 // of these, within maxLateness of their due time
	Acked      uint64 // publishes that the server took (on a plain route: that were sent)
	Refused    uint64 // acks that said no
	Delivered  uint64 // deliveries, each counted once
	OnTime     uint64 // of these, before the schedule's end and its grace
}

// add adds what another loop or second counted.
func (c *Counts) add(d Counts) {
	c.Intended += d.Intended
	c.Owed += d.Owed
	c.Sent += d.Sent
	c.OnSchedule += d.OnSchedule
	c.Acked += d.Acked
	c.Refused += d.Refused
	c.Delivered += d.Delivered
	c.OnTime += d.OnTime
}

// Faults is what must not happen.
type Faults struct {
	Duplicated uint64 `json:"duplicated"` // deliveries that came before
	Reordered  uint64 `json:"reordered"`  // deliveries that came after one that was published later
	Misrouted  uint64 `json:"misrouted"`  // deliveries to a connection that is not in the group
	Foreign    uint64 `json:"foreign"`    // messages that the harness did not send, or only part of one
}

// add adds what another loop or second counted.
func (f *Faults) add(g Faults) {
	f.Duplicated += g.Duplicated
	f.Reordered += g.Reordered
	f.Misrouted += g.Misrouted
	f.Foreign += g.Foreign
}

// Window is what one loop saw in one second (or longer, if nobody took the
// windows). A loop fills it, hands it over and never touches it again, so nothing
// in it is locked.
type Window struct {
	Loop   int
	Second int // of the run, by the clock of the loop that hands it over

	All      Counts // everything, warm-up included
	Measured Counts // what was due in the measured time
	Faults   Faults

	Latency  *hdrhistogram.Histogram // due to delivered; measured messages only
	Acks     *hdrhistogram.Histogram // due to acked; the same
	Lateness *hdrhistogram.Histogram // due to sent: the harness's own share of both
	Idle     time.Duration           // spent waiting for something to do, in the measured time
}

// newWindow returns an empty window.
func newWindow(loop int) *Window {
	return &Window{Loop: loop, Latency: newHistogram(), Acks: newHistogram(), Lateness: newHistogram()}
}

// merge adds what another window has. Second and Loop stay.
func (w *Window) merge(v *Window) {
	w.All.add(v.All)
	w.Measured.add(v.Measured)
	w.Faults.add(v.Faults)
	w.Latency.Merge(v.Latency)
	w.Acks.Merge(v.Acks)
	w.Lateness.Merge(v.Lateness)
	w.Idle += v.Idle
}

// reset empties the window for use in a later second.
func (w *Window) reset() {
	w.Latency.Reset()
	w.Acks.Reset()
	w.Lateness.Reset()
	*w = Window{Loop: w.Loop, Latency: w.Latency, Acks: w.Acks, Lateness: w.Lateness}
}
