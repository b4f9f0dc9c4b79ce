package redisstream

import (
	"context"
	"math"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// verified takes a read that began at the last known entry. If that entry is still
// the first of them, nothing between was lost: trimming cuts only the old end.
// Ids would not show it, since they come from a clock and go on rising whatever
// was lost.
func (m *master) verified(w *work, entries []redis.XMessage) {
	b := m.broker
	if len(entries) > 0 && entries[0].ID == w.last.String() {
		entries = entries[1:]
		m.deliver(w, entries)
		if int64(len(entries)) >= b.page() {
			b.follows.again(w.follow, true)
		}
		return
	}
	if len(entries) > 0 {
		first, _ := broker.ParsePosition(entries[0].ID)
		m.gap(w.follow, before(first))
		m.deliver(w, entries)
		b.follows.again(w.follow, true)
		return
	}
	m.rewound(w.follow)
}

// before is the position just before p.
func before(p broker.Position) broker.Position {
	if p.Seq > 0 {
		return broker.Position{Ms: p.Ms, Seq: p.Seq - 1}
	}
	return broker.Position{Ms: p.Ms - 1, Seq: math.MaxUint64}
}

// rewound is for a stream in which neither the last known entry is any more, nor
// one after it: it expired, or its history was lost. Delivery goes on after what
// there is now.
func (m *master) rewound(fo *follow) {
	b := m.broker
	ctx, cancel := context.WithTimeout(m.ctx, timeout)
	defer cancel()
	tail, err := m.client.XRevRangeN(ctx, fo.key, "+", "-", 1).Result()
	if err != nil {
		b.follows.again(fo, true)
		return
	}
	now := broker.Position{}
	if len(tail) > 0 {
		now, _ = broker.ParsePosition(tail[0].ID)
	}
	if fo.last.Before(now) {
		b.follows.again(fo, true) // something was added this moment
		return
	}
	quiet := time.Since(time.UnixMilli(int64(fo.last.Ms)))
	if now.IsZero() && quiet >= b.config.Limits.GroupExpiry {
		fo.last = now // expired, as it should
		return
	}
	m.gap(fo, now)
}

// gap goes on after a position, and says that what was before it is lost.
func (m *master) gap(fo *follow, at broker.Position) {
	b := m.broker
	b.counts.gaps.Inc()
	b.config.Log.Warn("a stream's history was lost or trimmed before it could be read; keep an append-only file, and a capacity for the longest pause",
		"key", fo.key, "last", fo.last.String(), "position", at.String())
	fo.last = at
	m.handOver()
	b.handing.Lock()
	defer b.handing.Unlock()
	b.config.Receiver.Gap(fo.group, at)
}

// sweepLoop has every group verified once in Config.Sweep, spread over it, in case
// a ring was missed.
func (b *Broker) sweepLoop() {
	const step = time.Second
	tick := time.NewTicker(step)
	defer tick.Stop()
	var round []*follow
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-tick.C:
		}
		b.counts.sweepFound.Add(b.follows.missed(2 * b.config.Probe))
		if len(round) == 0 {
			round = b.follows.all()
		}
		n := min(len(round), b.follows.len()/max(1, int(b.config.Sweep/step))+1)
		b.follows.sweep(round[:n])
		round = round[n:]
	}
}

// all is the groups that are followed now.
func (f *follows) all() []*follow {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]*follow, 0, len(f.byKey))
	for _, fo := range f.byKey {
		all = append(all, fo)
	}
	return all
}

// sweep marks groups to be verified.
func (f *follows) sweep(some []*follow) {
	f.mu.Lock()
	for _, fo := range some {
		if !fo.gone && !fo.dirty {
			fo.verify, fo.swept = true, true
			f.mark(fo)
		}
	}
	f.mu.Unlock()
}

// suspect notes that a sweep found entries; their ring may only be late.
func (f *follows) suspect(fo *follow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fo.found = time.Now()
}

// missed counts, and forgets, the groups in which a sweep found what no ring has
// told of within the time given.
func (f *follows) missed(late time.Duration) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fo := range f.byKey {
		if !fo.found.IsZero() && time.Since(fo.found) > late {
			fo.found = time.Time{}
			n++
		}
	}
	return n
}
