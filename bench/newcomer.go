package main

import (
	"context"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/gobwas/ws"
)

// Newcomers is how well-behaved clients are let in, who come all the time.
type Newcomers struct {
	Before Quantiles `json:"before"` // from SYN to 101
	During Quantiles `json:"during"` // beside the attack
	After  Quantiles `json:"after"`
	Failed int       `json:"failed"`
	Why    string    `json:"why,omitempty"` // of the first
}

const (
	// newcomers come in this time one after the other, whether or not those before are in.
	newcomerEvery = 50 * time.Millisecond
	// newcomerPatience is after how long one gives up.
	newcomerPatience = 10 * time.Second
)

// reception is the newcomers of one phase. Safe for concurrent use.
type reception struct {
	all sync.WaitGroup

	mu     sync.Mutex // guards what follows
	took   *hdrhistogram.Histogram
	failed int
	why    string
}

// quantiles are of who got in, without their curve. It waits until the last is in or has
// given up.
func (r *reception) quantiles() Quantiles {
	r.all.Wait()
	q := quantiles(r.took)
	q.Curve = nil
	return q
}

// receive has newcomers come for so long, while the gateway is watched. The last ones may
// be on their way when it returns.
func (o hostileOptions) receive(ctx context.Context, p Plan, d time.Duration, w *watch) (*reception, error) {
	r := &reception{took: newHistogram()}
	if err := w.begin(ctx); err != nil {
		return r, err
	}
	tick := time.NewTicker(newcomerEvery)
	defer tick.Stop()
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	over := time.After(d)
	for open := true; open; {
		select {
		case <-tick.C:
			r.all.Go(func() { r.come(ctx, p) })
		case <-look.C:
			w.look(ctx)
		case <-over:
			open = false
		case <-ctx.Done():
			open = false
		}
	}
	return r, w.finish(ctx)
}

// come is one newcomer.
func (r *reception) come(ctx context.Context, p Plan) {
	ctx, cancel := context.WithTimeout(ctx, newcomerPatience)
	defer cancel()
	start := time.Now()
	conn, buffered, err := upgrade(ctx, p, 0)
	took := time.Since(start)
	if err == nil {
		if buffered != nil {
			ws.PutReader(buffered)
		}
		_, _ = conn.Write(appendFrame(nil, ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))
		_ = conn.Close()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		record(r.took, took)
	case ctx.Err() == context.Canceled: // the run was cut short
	default:
		r.failed++
		if r.why == "" {
			r.why = err.Error()
		}
	}
}
