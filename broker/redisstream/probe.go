package redisstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// rekey chooses the keys that the probe sets on a master: both of slots that the master
// has in a layout. This node's own is under the tracked prefix, and no group has it: a
// hub's name does not begin with a dot.
func (m *master) rekey(l *layout) {
	key, word := m.key.Load(), m.word.Load()
	one := len(l.slots) == 1
	if key != nil && word != nil && (one || l.of(slotOfKey(*key)) == m && l.of(slotOfKey(*word)) == m) {
		return
	}
	m.key.Store(nil)
	if !l.has(m) {
		return
	}
	epoch := m.epochKey(l)
	m.word.Store(&epoch)
	b := m.broker
	for {
		key := b.config.Prefix + ":.probe:" + b.node + ":" + strconv.FormatInt(m.salt.Add(1), 36)
		if one || l.of(slotOfKey(key)) == m {
			m.key.Store(&key)
			return
		}
	}
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
		case <-m.pulse.faults:
		}
		t.Stop()
	}
}

// probe is nil if the doorbell rang for a write of ours.
func (m *master) probe() error {
	interval := m.broker.config.Probe
	patience := max(interval/2, timeout)
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
	if done, err := m.touch(ctx, max(time.Minute, 2*interval)); done || err != nil {
		return err
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
		m.replace()
		return errSilent
	}
}

// touch sets the probe's key. If done, there is nothing to be heard of it: the master
// has no slot, or the key's is on its way to another.
func (m *master) touch(ctx context.Context, lives time.Duration) (done bool, err error) {
	key := m.key.Load()
	if key == nil {
		return true, nil
	}
	began := time.Now()
	pipe := m.prober.Pipeline()
	set := pipe.Set(ctx, *key, began.UnixMilli(), lives)
	word := m.broker.epoch.ask(ctx, pipe, *m.word.Load())
	_, _ = send(ctx, pipe) // each command has its own error
	err = set.Err()
	m.pulse.heard(err, began)
	if at, _ := elsewhere(word.cmd.Err()); err == nil && at == "" {
		m.checkEpoch(word)
	}
	switch addr, _ := elsewhere(err); {
	case err == nil:
		return false, nil
	case addr != "":
		m.key.CompareAndSwap(key, nil)
		m.broker.look()
		return true, nil
	case redis.IsReadOnlyError(err):
		m.replace()
	}
	return false, fmt.Errorf("redisstream: Redis cannot be reached, or refuses writes: %w", err)
}

// report keeps what the probe found, and logs when it changes.
func (m *master) report(err error) {
	log, was := m.broker.config.Log, m.wrong.Load()
	if err == nil {
		m.failing = time.Time{}
		m.broker.began.Store(true)
		m.wrong.Store(nil)
		if was != nil {
			log.Info("Redis can be used", "server", m.addr)
		}
		return
	}
	if m.failing.IsZero() {
		m.failing = time.Now()
	}
	m.broker.look()
	if time.Since(m.failing) < grace {
		return
	}
	m.wrong.Store(&err)
	if was == nil || *was == errStarting {
		log.Error("Redis cannot be used; publishes are refused until it can, connections stay", "server", m.addr, "error", err)
	}
}
