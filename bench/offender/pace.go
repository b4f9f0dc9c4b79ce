package offender

import (
	"context"
	"sync"
	"time"
)

// maxBacklog is how much of its schedule a pace makes up for. An attack that was held
// up goes on at its rate: a burst would be another attack than the one that is stated.
const maxBacklog = 50 * time.Millisecond

// pace gives out turns at a rate. Safe for concurrent use.
type pace struct {
	every time.Duration // static after init; 0 is no bound

	mu   sync.Mutex // guards next
	next time.Time
}

func (p *pace) init(perSecond float64) {
	if perSecond > 0 {
		p.every = time.Duration(float64(time.Second) / perSecond)
	}
	p.next = time.Now()
}

// turn waits for the caller's turn. False if ctx has ended.
func (p *pace) turn(ctx context.Context) bool {
	now := time.Now()
	p.mu.Lock()
	if early := now.Add(-maxBacklog); p.next.Before(early) {
		p.next = early
	}
	at := p.next
	p.next = at.Add(p.every)
	p.mu.Unlock()
	return rest(ctx, at.Sub(now))
}

// rest waits for so long. False if ctx has ended.
func rest(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
