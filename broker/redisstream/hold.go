package redisstream

import (
	"slices"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// upTo returns what was read of a stream if its newest entry is the one at the position,
// and whether that begins where the stream began; and what was acked and not read. The
// slices are the caller's.
func (r *rings) upTo(g broker.Group, last broker.Position) (read []held, begins bool, said []held) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.byGroup[g]
	if one == nil {
		return nil, false, nil
	}
	if n := len(one.read); n > 0 && one.read[n-1].at == last {
		read, begins = slices.Clone(one.read), one.begins
	}
	return read, begins, slices.Clone(one.said)
}

// after returns what is held of a stream after a position, and whether the entry at the
// position is held; the slice is the caller's. began is since when the stream has been
// read: what was added before may not be all.
func (r *rings) after(g broker.Group, since broker.Position, began time.Time) (all []held, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.byGroup[g]
	if one == nil || one.added.Before(began) {
		return nil, false
	}
	i, found := slices.BinarySearchFunc(one.read, since, held.compare)
	if !found {
		return nil, false
	}
	return slices.Clone(one.read[i+1:]), true
}

// has reports whether anything is held of a group.
func (r *rings) has(g broker.Group) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byGroup[g] != nil
}

// newest is, by group, the newest entry that was read or, where none was, acked.
func (r *rings) newest() map[broker.Group]broker.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[broker.Group]broker.Position)
	for g, one := range r.byGroup {
		for _, list := range [][]held{one.said, one.read} {
			if n := len(list); n > 0 {
				all[g] = list[n-1].at
			}
		}
	}
	return all
}

// reopen prepares a ring for a group that is read again from a position on. If what was
// read before does not end there, the newest of it is looked for as if it had been acked.
func (r *rings) reopen(g broker.Group, at broker.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.byGroup[g]
	if one == nil {
		return
	}
	n := len(one.read)
	if n == 0 || one.read[n-1].at == at {
		return
	}
	newest := one.read[n-1]
	r.drop(one, &one.read, n)
	if newest.message != nil {
		r.insert(one, newest)
	}
}

// reset forgets what was read of a stream: what comes next does not join on.
func (r *rings) reset(g broker.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.byGroup[g]; one != nil {
		r.drop(one, &one.read, len(one.read))
	}
}

// seen forgets entries that were acked: what has become of them is known.
func (r *rings) seen(g broker.Group, entries []held) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.byGroup[g]; one != nil {
		r.known(one, entries)
	}
}

// known is seen. Called with mu held.
func (r *rings) known(one *ring, entries []held) {
	if len(one.said) == 0 {
		return
	}
	n := len(one.said)
	one.said = slices.DeleteFunc(one.said, func(h held) bool {
		_, known := slices.BinarySearchFunc(entries, h.at, held.compare)
		if known {
			r.account(one, -1, -h.size())
		}
		return known
	})
	clear(one.said[len(one.said):n])
}
