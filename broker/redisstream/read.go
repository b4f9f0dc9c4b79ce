package redisstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

const (
	groupsPerRead = 256             // in one pipeline
	openTimeout   = 5 * time.Second // for Subscribe to be answered
)

// work is one group of a read.
type work struct {
	*follow
	verify  bool
	swept   bool
	audit   bool                    // what is held is looked for, too
	moved   bool                    // from another master, which may have had another history
	suspect bool                    // it is among master.suspects
	foreign bool                    // its key is no stream
	ids     *redis.XStreamSliceCmd  // an ordinary read
	slice   *redis.XMessageSliceCmd // a read that verifies, or the tail of a group to be opened
}

// readLoop is the one goroutine that reads a master's streams and hands messages
// over. It takes what is dirty, reads it in one pipeline, delivers, and goes on; while
// one pipeline is under way rings gather, so that batches grow by themselves.
func (m *master) readLoop() {
	f := &m.broker.follows
	pause := m.pulse.newPause()
	var batch []work
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-m.wake:
		}
		for m.ctx.Err() == nil {
			clear(batch)
			if batch = f.take(m, batch[:0], groupsPerRead); len(batch) == 0 {
				break
			}
			err := m.read(batch)
			if err == nil {
				f.done(batch)
				pause.reset()
				continue
			}
			m.broker.counts.fetchErrors.Inc()
			m.retry(batch)
			f.done(batch)
			pause.wait(m.ctx)
		}
	}
}

// retry marks a batch again after a fault; what was to be opened and has waited
// too long is told so. After a fault nothing is believed unverified.
func (m *master) retry(batch []work) {
	b := m.broker
	b.counts.resyncFetch.Inc()
	for _, w := range batch {
		if !w.open && time.Since(w.since) > openTimeout {
			b.refuse(w.follow, fmt.Errorf("redisstream: group %s could not be opened within %s: %w", w.group, openTimeout, broker.ErrUnavailable))
			continue
		}
		if !w.ghost || b.rings.has(w.group) {
			b.follows.afresh(w.follow, w.moved)
		}
	}
}

// refuse forgets a group that could not be opened.
func (b *Broker) refuse(fo *follow, err error) {
	f := &b.follows
	f.mu.Lock()
	wanted := !fo.gone
	fo.gone = true
	if f.byKey[fo.key] == fo {
		delete(f.byKey, fo.key)
	}
	f.mu.Unlock()
	if wanted {
		b.handing.Lock()
		defer b.handing.Unlock()
		b.config.Receiver.Opened(fo.group, broker.Position{}, err)
	}
}

// refuseAll answers, when all read loops have ended, whoever still waits to be opened.
func (b *Broker) refuseAll() {
	f := &b.follows
	f.mu.Lock()
	var waiting []*follow
	for _, fo := range f.byKey {
		if !fo.open {
			waiting = append(waiting, fo)
		}
	}
	f.mu.Unlock()
	for _, fo := range waiting {
		b.refuse(fo, fmt.Errorf("redisstream: %w", broker.ErrClosed))
	}
}

// page is how many entries of one stream are read at once. Fewer than capacity
// means that nothing between them and the last one read can have been trimmed.
func (b *Broker) page() int64 { return int64(min(b.config.Limits.Capacity, 256)) }

// read reads a batch and delivers it. An error means that some of it was not read;
// what was read is delivered all the same.
func (m *master) read(batch []work) error {
	b := m.broker
	ctx, cancel := context.WithTimeout(m.ctx, timeout)
	defer cancel()
	pipe := m.client.Pipeline()
	for i := range batch {
		switch w := &batch[i]; {
		case w.ghost:
			w.slice = pipe.XRangeN(ctx, w.key, w.last.String(), w.last.String(), 1)
		case !w.open:
			w.slice = pipe.XRevRangeN(ctx, w.key, "+", "-", 1)
		case w.verify && !w.last.IsZero():
			w.slice = pipe.XRangeN(ctx, w.key, w.last.String(), "+", b.page()+1)
		default:
			w.ids = pipe.XRead(ctx, &redis.XReadArgs{Streams: []string{w.key, w.last.String()}, Count: b.page(), Block: -1})
		}
	}
	redirected, _ := m.exec(ctx, pipe) // each command has its own error
	m.unsure = redirected || m.doubtful()
	b.counts.fetchBatches.Inc()
	var failed error
	for i := range batch {
		w := &batch[i]
		if b.follows.gaveUp(w.follow) {
			continue
		}
		if err := m.handle(w); err != nil {
			failed = err
		} else if w.open && !w.foreign && (w.moved || w.audit && b.rings.has(w.group)) {
			m.suspect(w)
		}
	}
	if err := m.repaired(); err != nil {
		failed = err
	}
	m.handOver()
	return failed
}

// handle delivers what one command of the batch has brought. A group whose command
// failed is read again with the batch; reading it twice does no harm, since it
// goes on from the last entry that was handed over.
func (m *master) handle(w *work) error {
	b := m.broker
	if w.slice != nil {
		entries, err := w.slice.Result()
		switch {
		case err != nil:
			return b.blame(w, err)
		case !w.open:
			m.opened(w.follow, entries)
		case w.ghost && len(entries) > 0:
		default:
			m.verified(w, entries)
		}
		return nil
	}
	streams, err := w.ids.Result()
	switch {
	case errors.Is(err, redis.Nil):
		// A second ring for the same entry, or for one that went away.
		if !w.last.IsZero() {
			b.follows.again(w.follow, true)
		}
	case err != nil:
		return b.blame(w, err)
	case m.unsure && !w.last.IsZero():
		b.follows.again(w.follow, true)
	case int64(len(streams[0].Messages)) < b.page():
		m.deliver(w, streams[0].Messages)
	case w.last.IsZero():
		m.suspect(w)
	default:
		// So many that some before them may have been trimmed: read them again, from
		// the last one that is known.
		b.follows.again(w.follow, true)
	}
	return nil
}

// blame returns an error that the whole batch has to wait for. A key that is no
// stream is its own group's fault only, and is not read until it changes.
func (b *Broker) blame(w *work, err error) error {
	if !redis.HasErrorPrefix(err, "WRONGTYPE") {
		return err
	}
	w.foreign = true
	b.follows.wary(w.follow, w.moved) // if it is a stream again, then with another history
	b.config.Log.Error("a group's key in Redis is not a stream; delete or rename it", "key", w.key)
	if !w.open {
		b.refuse(w.follow, fmt.Errorf("redisstream: key %s is not a stream: %w", w.key, broker.ErrUnavailable))
	}
	return nil
}

// opened answers a Subscribe: delivery begins after the last entry that there is.
func (m *master) opened(fo *follow, tail []redis.XMessage) {
	b := m.broker
	if len(tail) > 0 {
		fo.last, _ = broker.ParsePosition(tail[0].ID)
	}
	fo.open = true
	b.rings.reopen(fo.group, fo.last)
	m.handOver()
	b.handing.Lock()
	b.config.Receiver.Opened(fo.group, fo.last, nil)
	b.handing.Unlock()
	// What was added meanwhile may have rung before the group was open.
	b.follows.afresh(fo, false)
}

// deliver takes entries of one group, in order; what has gathered of a batch is
// handed over together.
func (m *master) deliver(w *work, entries []redis.XMessage) {
	b := m.broker
	if len(entries) == 0 {
		return
	}
	if w.swept {
		b.follows.unheard(w.follow)
	}
	after, keeping := w.last, m.keeping[:0]
	for _, e := range entries {
		at, err := broker.ParsePosition(e.ID)
		if err != nil {
			continue // Redis makes no such ids
		}
		w.last = at
		message := b.decode(w.group, at, e)
		keeping = append(keeping, held{at, message, e.Values[fieldLost] == lostBefore})
		if message == nil {
			continue
		}
		if message.Lost {
			b.counts.gaps.Inc()
		}
		m.gathered = append(m.gathered, message)
	}
	if len(keeping) > 0 && b.rings.add(w.group, after, keeping) {
		m.suspect(w)
	}
	clear(keeping)
	m.keeping = keeping
	b.counts.fetched.Add(len(entries))
	b.counts.lagMilliseconds.Store(max(0, time.Now().UnixMilli()-int64(w.last.Ms)))
	if len(m.gathered) >= gatherLimit {
		m.handOver()
	}
}

// gatherLimit is from where on a batch is handed over in parts, so that the workers
// begin with what came first. One page more may gather before it is looked at.
const gatherLimit = 1024

// handOver gives the receiver what has gathered. It comes before Opened and Gap, so
// that the receiver hears all of a group in its order.
func (m *master) handOver() {
	if len(m.gathered) == 0 {
		return
	}
	b := m.broker
	b.handing.Lock()
	b.config.Receiver.Deliver(m.gathered)
	b.handing.Unlock()
	clear(m.gathered)
	m.gathered = m.gathered[:0]
}
