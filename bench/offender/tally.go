package offender

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Tally counts what offenders did and got. Safe for concurrent use.
type Tally struct {
	start                      time.Time // static after init
	connections, frames, bytes atomic.Uint64

	mu  sync.Mutex // guards got
	got map[string]uint64
}

// Report is what a crew did, and what it got, by the outcome's word.
type Report struct {
	Attack      string            `json:"attack"`
	Seconds     float64           `json:"seconds"`
	Connections uint64            `json:"connections"` // TCP connections that were made
	Frames      uint64            `json:"frames"`      // WebSocket frames that were sent; of headers and requests, writes
	Bytes       uint64            `json:"bytes"`       // that were sent
	Got         map[string]uint64 `json:"got"`
	CPU         float64           `json:"cpu_seconds"` // of the offenders' process; whoever starts one fills it in
}

func (t *Tally) init() { t.start, t.got = time.Now(), map[string]uint64{} }

// add counts an outcome.
func (t *Tally) add(got string) {
	if got == none {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.got[got]++
}

func (t *Tally) report(attack string) Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Report{
		Attack: attack, Seconds: time.Since(t.start).Seconds(), Connections: t.connections.Load(),
		Frames: t.frames.Load(), Bytes: t.bytes.Load(), Got: maps.Clone(t.got),
	}
}

// words are the outcomes in a fixed order.
func words(got map[string]uint64) []string { return slices.Sorted(maps.Keys(got)) }
