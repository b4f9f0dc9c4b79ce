package redisstream

import (
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// pulse lets the loops that wait after a fault know that Redis has answered one of
// them. Without it writers would fill a stream for as long as the reader still
// waits, and a small capacity would trim what it has not read.
type pulse struct {
	mu    sync.Mutex // guards beat
	beat  chan struct{}
	faint bool // a command has failed since the last beat
}

// next is closed at the next beat.
func (p *pulse) next() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.beat == nil {
		p.beat = make(chan struct{})
	}
	return p.beat
}

// report takes a command's outcome: the first success after a fault is a beat.
func (p *pulse) report(ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ok && p.faint && p.beat != nil {
		close(p.beat)
		p.beat = nil
	}
	p.faint = !ok
}

// pause waits between one try and the next: 50 ms to half a second, spread, for
// ever, and no longer than until Redis has answered another loop.
type pause struct {
	pulse *pulse
	steps *backoff.ExponentialBackOff
}

func (p *pulse) newPause() pause {
	steps := backoff.NewExponentialBackOff()
	steps.InitialInterval, steps.MaxInterval = 50*time.Millisecond, 500*time.Millisecond
	return pause{p, steps}
}

func (p pause) reset() { p.steps.Reset() }

func (p pause) wait(ctx context.Context) {
	t := time.NewTimer(p.steps.NextBackOff())
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-p.pulse.next():
	}
}
