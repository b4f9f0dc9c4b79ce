package redisstream

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// probeKey is this node's key that the probe sets. It is under the tracked prefix,
// and no group has it: a hub's name does not begin with a dot.
func (b *Broker) probeKey() string { return b.config.Prefix + ":.probe:" + b.node }

// errSilent is why a node is not ready whose doorbell does not ring.
var errSilent = errors.New("redisstream: Redis takes writes, but does not say which keys changed; the link is built anew")

// errUnconnected is why a node is not ready while its doorbell is being connected.
var errUnconnected = errors.New("redisstream: Redis cannot be reached, or refuses client tracking (which needs Redis 6 or later, and no proxy in between)")

// probeLoop tries the whole way at each interval: a write, and the ring that it
// must cause. A doorbell that is connected and healthy and yet silent, as after a
// failover that left it on a demoted server, is found by nothing else.
func (b *Broker) probeLoop() {
	// The first tries are close together, so that a node is soon ready.
	pause := b.newPause()
	for {
		err := b.probe()
		if b.ctx.Err() != nil {
			return
		}
		b.report(err)
		if err != nil {
			pause.wait(b.ctx)
			continue
		}
		pause.reset()
		t := time.NewTimer(b.config.Probe)
		select {
		case <-b.ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// probe is nil if the doorbell rang for a write of ours.
func (b *Broker) probe() error {
	patience := max(b.config.Probe/2, 100*time.Millisecond)
	ctx, cancel := context.WithTimeout(b.ctx, timeout+patience)
	defer cancel()
	if !b.bell.connected.Load() {
		return errUnconnected
	}
	select {
	case <-b.bell.heard: // a ring that came late
	default:
	}
	if err := b.client.Set(ctx, b.probeKey(), time.Now().UnixMilli(), max(time.Minute, 2*b.config.Probe)).Err(); err != nil {
		b.pulse.report(false)
		return fmt.Errorf("redisstream: Redis cannot be reached, or refuses writes: %w", err)
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-b.bell.heard:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		b.counts.resyncProbe.Inc()
		b.bell.hangUp()
		return errSilent
	}
}

// report keeps what the probe found, and logs when it changes.
func (b *Broker) report(err error) {
	was := b.Ready()
	if err == nil {
		b.wrong.Store(nil)
		if was != nil {
			b.config.Log.Info("Redis can be used")
		}
		return
	}
	if was == errStarting && time.Since(b.began) < timeout {
		return // the doorbell is still being connected
	}
	b.wrong.Store(&err)
	if was == nil || was == errStarting {
		b.config.Log.Error("Redis cannot be used; publishes are refused until it can, connections stay", "error", err)
	}
}
