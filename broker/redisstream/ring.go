package redisstream

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
)

// The bounds of what is kept in case a stream loses it. A Redis that comes back has
// lost what was written last, so that more brings nothing but memory.
const (
	ringEntries  = 256         // of one group
	ringBytes    = 256 << 10   // of one group
	ringsBytes   = 16 << 20    // of all
	ringAge      = time.Minute // of a group's newest entry
	entryExpense = 256         // of an entry beside its data, in bytes
)

// held is an entry that this node has read.
type held struct {
	at      broker.Position
	message *broker.Message // nil: it was not fit to be sent
}

// size is what an entry takes of the bounds.
func (h held) size() int {
	if h.message == nil {
		return entryExpense
	}
	return entryExpense + len(h.message.Data)
}

// rings is the newest entries of the groups that this node reads. They are put back
// when a stream has lost them, and answer those who come back after a moment. A group
// that nobody speaks in has none.
type rings struct {
	mu       sync.Mutex // guards what follows; held for moments
	byKey    map[string]*ring
	order    list.List // of *ring: the one that was added to least recently comes first
	messages int
	bytes    int
	dropped  *metrics.Counter // entries that were let go of for the sake of ringsBytes
}

// ring is the newest entries of one stream, without a hole, oldest first.
type ring struct {
	key     string
	begins  bool // with the stream
	entries []held
	bytes   int
	added   time.Time     // when the newest came
	place   *list.Element // in rings.order
}

// add keeps entries that were read of a stream after a position. If the ring does not
// reach up to there it begins anew.
func (r *rings) add(key string, after broker.Position, entries []held) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.byKey[key]
	if one == nil {
		one = &ring{key: key}
		one.place = r.order.PushBack(one)
		r.byKey[key] = one
	}
	if n := len(one.entries); n == 0 || one.entries[n-1].at != after {
		r.drop(one, n)
		one.begins = after.IsZero()
	}
	for _, h := range entries {
		one.bytes += h.size()
		r.bytes += h.size()
	}
	one.entries = append(one.entries, entries...)
	r.messages += len(entries)
	one.added = now
	r.order.MoveToBack(one.place)
	r.trim(one)
	r.expire(now)
}

// trim keeps one ring's bounds and those of all. Called with mu held.
func (r *rings) trim(one *ring) {
	n, bytes := 0, one.bytes
	for len(one.entries)-n > ringEntries || bytes > ringBytes {
		bytes -= one.entries[n].size()
		n++
	}
	// In pieces, so that an entry costs the same whatever the bounds are.
	if bytes < one.bytes-ringBytes/4 || n > ringEntries/4 {
		r.drop(one, n)
	}
	for r.bytes > ringsBytes && r.order.Len() > 0 {
		oldest := r.order.Front().Value.(*ring)
		r.dropped.Add(len(oldest.entries))
		r.forget(oldest)
	}
}

// drop lets go of a ring's oldest entries. Called with mu held.
func (r *rings) drop(one *ring, n int) {
	for _, h := range one.entries[:n] {
		one.bytes -= h.size()
		r.bytes -= h.size()
	}
	r.messages -= n
	one.begins = one.begins && n == 0
	one.entries = slices.Delete(one.entries, 0, n)
}

// forget lets go of a ring. Called with mu held.
func (r *rings) forget(one *ring) {
	r.drop(one, len(one.entries))
	r.order.Remove(one.place)
	delete(r.byKey, one.key)
}

// expire forgets the rings whose time is over. Called with mu held.
func (r *rings) expire(now time.Time) {
	for e := r.order.Front(); e != nil; e = r.order.Front() {
		one := e.Value.(*ring)
		if now.Sub(one.added) < ringAge {
			return
		}
		r.forget(one)
	}
}

// sweep forgets what add would forget if there were something to add.
func (r *rings) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(time.Now())
}

// clear forgets a stream's entries.
func (r *rings) clear(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.byKey[key]; one != nil {
		r.forget(one)
	}
}

// upTo returns what is held of a stream if its newest entry is the one at the position,
// and whether that begins where the stream began; the slice is the caller's.
func (r *rings) upTo(key string, last broker.Position) (all []held, begins bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.byKey[key]
	if one == nil || len(one.entries) == 0 || one.entries[len(one.entries)-1].at != last {
		return nil, false
	}
	return slices.Clone(one.entries), one.begins
}

// after returns what is held of a stream after a position, and whether the entry at the
// position is held; the slice is the caller's. began is since when the stream has been
// read: what was added before may not be all.
func (r *rings) after(key string, since broker.Position, began time.Time) (all []held, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.byKey[key]
	if one == nil || one.added.Before(began) {
		return nil, false
	}
	i, found := slices.BinarySearchFunc(one.entries, since, func(h held, p broker.Position) int { return h.at.Compare(p) })
	if !found {
		return nil, false
	}
	return slices.Clone(one.entries[i+1:]), true
}

// size is how many messages and bytes are held.
func (r *rings) size() (messages, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages, r.bytes
}
