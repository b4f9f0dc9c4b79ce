package redisstream

import (
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// verified takes a read that began at the last known entry. If that entry is still
// the first of them, nothing between was lost: trimming cuts only the old end.
// Ids would not show it, since they come from a clock and go on rising whatever
// was lost.
func (m *master) verified(w *work, entries []redis.XMessage) {
	if len(entries) == 0 || entries[0].ID != w.last.String() {
		m.suspect(w)
		return
	}
	entries = entries[1:]
	m.deliver(w, entries)
	if int64(len(entries)) >= m.broker.page() {
		m.broker.follows.again(w.follow, true)
	}
}

// suspect has a group repaired when the batch was read.
func (m *master) suspect(w *work) {
	if w.suspect {
		return
	}
	w.suspect = true
	r := &repair{work: w}
	r.held, r.begins, r.said = m.broker.rings.upTo(w.group, w.last)
	if len(r.held) == 0 && !w.last.IsZero() && !w.ghost {
		r.held = []held{{at: w.last}}
	}
	m.suspects = append(m.suspects, r)
}

// repaired repairs the suspects of a batch. What could not be settled is read again.
func (m *master) repaired() error {
	defer func() { clear(m.suspects); m.suspects = m.suspects[:0] }()
	return m.repairAll(m.suspects)
}

// settle has the group of a repair go on.
func (m *master) settle(r *repair) {
	b, w := m.broker, r.work
	defer b.rings.seen(w.group, r.judged())
	if w.ghost || b.follows.gaveUp(w.follow) {
		return
	}
	switch r.step {
	case forget:
		w.last = broker.Position{}
		b.rings.clear(w.group)
		b.follows.again(w.follow, false)
		return
	case goOn:
		if r.common >= 0 {
			// Entries that were not fit to be sent are not put back.
			w.last = r.held[r.common].at
		}
	case skip:
		first, _ := broker.ParsePosition(r.rest[0].ID)
		m.gap(w, before(first), "trimmed before it could be read; a larger capacity lasts for a longer pause")
	case announce:
		at, rest := r.resumption()
		r.rest = rest
		m.gap(w, at, "lost by Redis; an append-only file, and for a replica min-replicas-to-write, keep it")
	}
	m.deliver(w, r.rest)
	b.follows.again(w.follow, true)
}

// resumption is the position after which delivery goes on after a loss, and what is known
// to stand behind it. Where that is possible it is an entry's, so that who falls behind
// there can read on.
func (r *repair) resumption() (at broker.Position, rest []redis.XMessage) {
	at, rest = r.mark, r.rest
	switch {
	case r.common >= 0:
		at = r.held[r.common].at
	case len(rest) > 0:
		first, _ := broker.ParsePosition(rest[0].ID)
		at = before(first)
	}
	for len(rest) > 0 && isMark(rest[0]) {
		at, _ = broker.ParsePosition(rest[0].ID)
		rest = rest[1:]
	}
	return at, rest
}

// gap goes on after a position, and says that what was before it is lost.
func (m *master) gap(w *work, at broker.Position, why string) {
	b := m.broker
	b.counts.gaps.Inc()
	b.config.Log.Warn("a part of a stream's history is gone: it was "+why, "key", w.key, "last", w.last.String(), "position", at.String())
	w.last = at
	b.rings.reset(w.group)
	m.handOver()
	b.handing.Lock()
	defer b.handing.Unlock()
	b.config.Receiver.Gap(w.group, at)
}

// sweepLoop has every group verified once in Config.Sweep, spread over it, in case
// a ring was missed.
func (b *Broker) sweepLoop() {
	const step = time.Second
	tick := time.NewTicker(step)
	defer tick.Stop()
	var round []*follow
	around := time.Now()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-tick.C:
		}
		b.rings.sweep()
		if time.Since(around) >= b.config.Sweep {
			around = time.Now()
			b.lookAround()
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
			fo.verify, fo.audit, fo.swept = true, true, true
			f.mark(fo)
		}
	}
	f.mu.Unlock()
}

// unheard notes that a sweep found entries; their ring may only be late.
func (f *follows) unheard(fo *follow) {
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
