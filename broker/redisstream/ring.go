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

// held is an entry that this node has read, or that was acked to it.
type held struct {
	at      broker.Position
	message *broker.Message // nil: it was not fit to be sent
	before  bool            // it is a mark before what was put back
}

// size is what an entry takes of the bounds.
func (h held) size() int {
	if h.message == nil {
		return entryExpense
	}
	return entryExpense + len(h.message.Data)
}

// compare orders entries.
func (h held) compare(p broker.Position) int { return h.at.Compare(p) }

// rings is the newest entries of the groups that this node reads or publishes to. They are
// put back when a stream has lost them, and answer those who come back after a moment.
// A group that nobody speaks in has none.
type rings struct {
	mu       sync.Mutex // guards what follows; held for moments
	byGroup  map[broker.Group]*ring
	order    list.List // of *ring: the one that was added to least recently comes first
	messages int
	bytes    int
	dropped  *metrics.Counter // entries that were let go of for the sake of ringsBytes or, if they were acked and not read, of the group's bounds
}

// ring is the newest entries of one stream.
type ring struct {
	group  broker.Group
	begins bool   // read begins where the stream began
	read   []held // by this node, without a hole, oldest first
	said   []held // acked to this node, and not seen by it since; oldest first
	bytes  int
	added  time.Time     // when the newest came
	place  *list.Element // in rings.order
}

// touch is a group's ring, which something is to be added to. Called with mu held.
func (r *rings) touch(g broker.Group, now time.Time) *ring {
	one := r.byGroup[g]
	if one == nil {
		one = &ring{group: g}
		one.place = r.order.PushBack(one)
		r.byGroup[g] = one
	}
	one.added = now
	r.order.MoveToBack(one.place)
	return one
}

// add keeps entries that were read of a stream after a position. If the ring does not
// reach up to there it begins anew. It reports whether something that was acked should
// have been among them, or before them, and was not.
func (r *rings) add(g broker.Group, after broker.Position, entries []held) (passed bool) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.touch(g, now)
	if n := len(one.read); n == 0 || one.read[n-1].at != after {
		r.drop(one, &one.read, n)
		one.begins = after.IsZero()
	}
	r.keep(one, &one.read, entries)
	r.known(one, entries)
	passed = len(one.said) > 0 && one.said[0].at.Before(entries[len(entries)-1].at)
	r.trim(one)
	r.expire(now)
	return passed
}

// acked is a message with the position that Redis has given it.
type acked struct {
	at      broker.Position
	message *broker.Message
}

// say keeps messages that were acked to this node, until it reads them.
func (r *rings) say(messages []acked) {
	if len(messages) == 0 {
		return
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range messages {
		one := r.touch(m.message.Group, now)
		if _, seen := slices.BinarySearchFunc(one.read, m.at, held.compare); seen {
			continue
		}
		r.insert(one, held{at: m.at, message: m.message})
		r.trim(one)
	}
	r.expire(now)
}

// insert adds an entry to what was acked. Called with mu held.
func (r *rings) insert(one *ring, h held) {
	i, _ := slices.BinarySearchFunc(one.said, h.at, held.compare)
	one.said = slices.Insert(one.said, i, h)
	r.account(one, 1, h.size())
}

// keep appends entries to one of a ring's lists. Called with mu held.
func (r *rings) keep(one *ring, list *[]held, entries []held) {
	bytes := 0
	for _, h := range entries {
		bytes += h.size()
	}
	*list = append(*list, entries...)
	r.account(one, len(entries), bytes)
}

// account notes a change. Called with mu held.
func (r *rings) account(one *ring, messages, bytes int) {
	one.bytes += bytes
	r.bytes += bytes
	r.messages += messages
}

// trim keeps one ring's bounds and those of all. What is over goes in pieces, so that an
// entry costs the same whatever the bounds are. Called with mu held.
func (r *rings) trim(one *ring) {
	for _, list := range []*[]held{&one.read, &one.said} {
		if len(*list) > ringEntries*5/4 {
			r.cut(one, list, len(*list)-ringEntries)
		}
	}
	if one.bytes > ringBytes*5/4 {
		for _, list := range []*[]held{&one.read, &one.said} {
			n := 0
			for bytes := one.bytes; bytes > ringBytes && n < len(*list); n++ {
				bytes -= (*list)[n].size()
			}
			r.cut(one, list, n)
		}
	}
	for r.bytes > ringsBytes && r.order.Len() > 0 {
		oldest := r.order.Front().Value.(*ring)
		r.dropped.Add(len(oldest.read) + len(oldest.said))
		r.forget(oldest)
	}
}

// cut is drop for the sake of a group's bounds. What was read makes room for what comes
// after it; what was acked and not read yet is missed if the stream loses it. Called with
// mu held.
func (r *rings) cut(one *ring, list *[]held, n int) {
	if list == &one.said {
		r.dropped.Add(n)
	}
	r.drop(one, list, n)
}

// drop lets go of the oldest entries of one of a ring's lists. Called with mu held.
func (r *rings) drop(one *ring, list *[]held, n int) {
	bytes := 0
	for _, h := range (*list)[:n] {
		bytes += h.size()
	}
	if n > 0 && list == &one.read {
		one.begins = false
	}
	*list = slices.Delete(*list, 0, n)
	r.account(one, -n, -bytes)
}

// forget lets go of a ring. Called with mu held.
func (r *rings) forget(one *ring) {
	r.drop(one, &one.read, len(one.read))
	r.drop(one, &one.said, len(one.said))
	r.order.Remove(one.place)
	delete(r.byGroup, one.group)
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
func (r *rings) clear(g broker.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one := r.byGroup[g]; one != nil {
		r.forget(one)
	}
}

// size is how many messages and bytes are held.
func (r *rings) size() (messages, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages, r.bytes
}
