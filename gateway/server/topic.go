package server

import (
	"math/bits"
	"sync"

	"github.com/tidegate/tidegate/broker"
)

// topic is one group that is open on this node, or being opened: which workers
// have members in it, and how far its stream was delivered. There may be as many as
// connections, so what few have at a time stands elsewhere: who waits for it to be
// opened, and since when nobody is in it.
type topic struct {
	group   broker.Group
	workers []share

	mu     sync.Mutex      // guards what follows, and share.members; under it no Post and no call of the broker
	last   broker.Position // of the last message that was handed to the workers
	first  broker.Position // of the first message, if the stream was empty when the topic was opened
	wanted [variants]int32 // members per form of a message
	pinned bool            // stays open without members
	open   bool
}

// share is one worker's part of a topic.
type share struct {
	ran     broker.Position // of the last message that was sent to members there; owned by the worker's loop
	members int32
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
	t.workers[worker].members += n
	t.wanted[v] += n
}

// empty reports whether nobody is in it. Called with mu held.
func (t *topic) empty() bool { return t.wanted == [variants]int32{} }

// advance notes that the message at this position goes to the workers, and says
// to which, in which forms, and what stood before it. A group that is not open gets
// nothing: what still comes belongs to a subscription that has ended.
func (t *topic) advance(at broker.Position) (workers workerSet, wanted [variants]bool, previous broker.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.open {
		return workers, wanted, previous
	}
	if previous, t.last = t.last, at; previous.IsZero() {
		t.first = at
	}
	for i := range t.workers {
		if t.workers[i].members > 0 {
			workers.add(i)
		}
	}
	return workers, t.variantsLocked(), previous
}

// begin is the position of the group's first message, for members who were there before.
func (t *topic) begin() broker.Position {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first
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
