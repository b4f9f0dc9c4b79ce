package server

import (
	"math/bits"
	"sync"

	"github.com/tidegate/tidegate/broker"
)

// topic is one group that is open on this node, or being opened: which workers
// have members in it, and how far its stream was delivered.
type topic struct {
	group  broker.Group
	pinned bool // stays open without members

	// By worker, each owned by its loop: the last message that was sent to members there.
	ran []broker.Position

	mu        sync.Mutex // guards what follows; under it no Post and no call of the broker
	open      bool
	last      broker.Position // of the last message that was handed to the workers
	members   []int32         // per worker
	wanted    [variants]int32 // members per form of a message
	total     int32
	waiting   []waiter // for the group to be opened
	idleSince int64    // when the last member left, in Unix nanoseconds
}

// MaxWorkers is how many workers a topic can tell apart.
const MaxWorkers = 256

// workerSet is a set of worker indexes.
type workerSet [MaxWorkers / 64]uint64

func (w *workerSet) add(i int) { w[i/64] |= 1 << (i % 64) }

func (w *workerSet) empty() bool { return *w == workerSet{} }

// each is an iterator over the set.
func (w *workerSet) each(yield func(int) bool) {
	for i, word := range w {
		for ; word != 0; word &= word - 1 {
			if !yield(i*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}

// count adds a member, or with -1 takes one away.
func (t *topic) count(worker int, v variant, n int32) {
	t.members[worker] += n
	t.wanted[v] += n
	t.total += n
}

// advance notes that the message at this position goes to the workers, and says
// to which, in which forms, and what stood before it. A group that is not open gets
// nothing: what still comes belongs to a subscription that has ended.
func (t *topic) advance(at broker.Position) (workers workerSet, wanted [variants]bool, previous broker.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.open {
		return workers, wanted, previous
	}
	previous, t.last = t.last, at
	for i, n := range t.members {
		if n > 0 {
			workers.add(i)
		}
	}
	return workers, t.variantsLocked(), previous
}

// variants are the forms in which members on this node get messages.
func (t *topic) variants() [variants]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.variantsLocked()
}

func (t *topic) variantsLocked() (wanted [variants]bool) {
	for d, n := range t.wanted {
		wanted[d] = n > 0
	}
	return wanted
}
