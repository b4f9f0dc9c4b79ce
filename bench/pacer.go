package main

import (
	"math"
	"time"
)

// Pacer says when each publish is due. The schedule is fixed before the run and
// never waits for the server: that is what makes the harness open-loop, and
// latency counted from Due honest. Several loops share one schedule, each taking
// every Shares-th turn, so that together they send evenly. Pure; the zero value is
// never due.
type Pacer struct {
	Rate   float64 // publishes a second, all shares together
	Share  int     // which of the shares this is, from 0
	Shares int     // how many there are
}

// Due is when the n-th turn of this share (from 0) is to be sent, counted from
// the start of the run.
func (p Pacer) Due(n uint64) time.Duration {
	if p.Rate <= 0 || p.Shares <= 0 {
		return math.MaxInt64
	}
	turn := float64(n)*float64(p.Shares) + float64(p.Share)
	// Beyond 2^53 ns (104 days) a float64 no longer holds each nanosecond, which
	// no run reaches.
	return time.Duration(turn / p.Rate * float64(time.Second))
}
