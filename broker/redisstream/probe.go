package redisstream

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// probeKey is this node's key that the probe sets on a master. It is under the tracked
// prefix, and no group has it: a hub's name does not begin with a dot.
func (m *master) probeKey() string {
	b := m.broker
	return b.config.Prefix + ":.probe:" + b.node
}

// errSilent is why a node is not ready whose doorbell does not ring.
var errSilent = errors.New("redisstream: Redis takes writes, but does not say which keys changed; the link is built anew")

// errUnconnected is why a node is not ready while its doorbell is being connected.
var errUnconnected = errors.New("redisstream: Redis cannot be reached, or refuses client tracking (which needs Redis 6 or later, and no proxy in between)")

// grace is how long a master may fail before the node is not ready: a connection that
// was cut is made again in less.
const grace = time.Second

// probeLoop tries the whole way at each interval: a write, and the ring that it
// must cause. A doorbell that is connected and healthy and yet silent, as after a
// failover that left it on a demoted server, is found by nothing else.
func (m *master) probeLoop() {
	// The first tries are close together, so that a node is soon ready.
	pause := m.pulse.newPause()
	for {
		err := m.probe()
		if m.ctx.Err() != nil {
			return
		}
		m.report(err)
		if err != nil {
			pause.wait(m.ctx)
			continue
		}
		pause.reset()
		t := time.NewTimer(m.broker.config.Probe)
		select {
		case <-m.ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// probe is nil if the doorbell rang for a write of ours.
func (m *master) probe() error {
	interval := m.broker.config.Probe
	patience := max(interval/2, 100*time.Millisecond)
	ctx, cancel := context.WithTimeout(m.ctx, timeout+patience)
	defer cancel()
	if !m.bell.connected.Load() {
		if why := m.bell.trouble.Load(); why != nil {
			return fmt.Errorf("%w: %w", errUnconnected, *why)
		}
		return errUnconnected
	}
	select {
	case <-m.bell.heard: // a ring that came late
	default:
	}
	pipe := m.client.Pipeline()
	set := pipe.Set(ctx, m.probeKey(), time.Now().UnixMilli(), max(time.Minute, 2*interval))
	word := m.broker.epoch.ask(ctx, pipe, m.epochKey())
	_, _ = pipe.Exec(ctx) // each command has its own error
	m.checkEpoch(word)
	if err := set.Err(); err != nil {
		m.pulse.report(false)
		return fmt.Errorf("redisstream: Redis cannot be reached, or refuses writes: %w", err)
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-m.bell.heard:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		m.broker.counts.resyncProbe.Inc()
		m.bell.hangUp()
		return errSilent
	}
}

// report keeps what the probe found, and logs when it changes.
func (m *master) report(err error) {
	log, was := m.broker.config.Log, m.wrong.Load()
	if err == nil {
		m.failing = time.Time{}
		m.wrong.Store(nil)
		if was != nil {
			log.Info("Redis can be used", "server", m.addr)
		}
		return
	}
	if m.failing.IsZero() {
		m.failing = time.Now()
	}
	if time.Since(m.failing) < grace {
		return
	}
	m.wrong.Store(&err)
	if was == nil || *was == errStarting {
		log.Error("Redis cannot be used; publishes are refused until it can, connections stay", "server", m.addr, "error", err)
	}
}
