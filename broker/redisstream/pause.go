package redisstream

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/redis/go-redis/v9"
)

// pulse lets the loops that wait after a fault know that Redis has answered one of
// them. Without it writers would fill a stream for as long as the reader still
// waits, and a small capacity would trim what it has not read.
//
// It is also the breaker of the client: while a server does not answer at all, commands
// fail at once instead of each after its timeout. The probe, which is not asked, ends
// that.
type pulse struct {
	mu     sync.Mutex // guards beat, faint and last
	beat   chan struct{}
	faint  bool        // a command has failed since the last beat
	last   time.Time   // when Redis answered last
	silent atomic.Bool // and the server cannot be connected to, or has said nothing for as long as a command may take

	faults chan struct{} // the probe is to look now
}

var _ redis.Limiter = (*pulse)(nil)

// errSilentServer is why a command was not sent.
var errSilentServer = errors.New("redisstream: the server does not answer")

// Allow is asked by the client before each command.
func (p *pulse) Allow() error {
	if p.silent.Load() {
		return errSilentServer
	}
	return nil
}

// ReportResult is what the client says after each command; heard knows more.
func (p *pulse) ReportResult(error) {}

// next is closed at the next beat.
func (p *pulse) next() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.beat == nil {
		p.beat = make(chan struct{})
	}
	return p.beat
}

// heard takes the outcome of a command and when it began: the first answer after a fault is
// a beat. An error that Redis itself has said is an answer. What began before the last
// answer, and failed after it, says nothing of the server as it is now.
func (p *pulse) heard(err error, began time.Time) {
	if errors.Is(err, errSilentServer) {
		return
	}
	var reply redis.Error
	answered := err == nil || errors.As(err, &reply)
	p.mu.Lock()
	defer p.mu.Unlock()
	if answered {
		p.last = time.Now()
		p.silent.Store(false)
		if p.faint && p.beat != nil {
			close(p.beat)
			p.beat = nil
		}
		p.faint = false
		return
	}
	if began.After(p.last) && (time.Since(began) >= timeout*9/10 || undialled(err)) {
		p.silent.Store(true)
	}
	if !p.faint {
		select {
		case p.faults <- struct{}{}:
		default:
		}
	}
	p.faint = true
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
