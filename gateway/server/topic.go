package server

import (
	"math/bits"
	"sync"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/hub"
)

// topic is one group that is open on this node, or being opened: which workers
// have members in it, and how far its stream was delivered. There may be as many as
// connections, so what few have at a time stands elsewhere: who waits for it to be
// opened, and since when nobody is in it.
type topic struct {
	group   broker.Group
	workers []share

	mu     sync.Mutex      // guards what follows, and share.group; under it no Post and no call of the broker
	last   broker.Position // of the last message that was handed to the workers
	wanted [variants]int32 // members per form of a message
	pinned bool            // stays open without members
	open   bool
	gap    bool // before the next message, of which nobody was told

	present bool // presence is kept of it; static, and here for its place
}

// share is one worker's part of a topic. It is owned by that worker's loop, which
// changes group with the topic locked, so that others may look whether there is one.
type share struct {
	ran   broker.Position // up to which everything was sent to members there, or is being read for those that are late
	group *group          // nil if nobody is in it
}

// advance notes that all up to a position was sent, or is somebody else's to send.
func (s *share) advance(to broker.Position) {
	if s.ran.Before(to) {
		s.ran = to
	}
}

// join makes s a member that follows from a position. Called on the loop of s, with
// the topic locked.
func (t *topic) join(s *session, worker int, from broker.Position) *membership {
	t.wanted[s.variant()]++
	own := &t.workers[worker]
	if own.group == nil {
		own.group = hub.New[*topic, member](t)
		own.advance(t.last) // nobody was there to be sent what came before
	}
	if t.present {
		s.server.attendance.enter(s, t.group, worker)
	}
	return own.group.Join(member{conn: s.conn, variant: s.variant(), from: from})
}

// leave ends a membership, and reports whether it was the last of a topic that need not
// stay open; one that has ended already does not count again. Called on the loop of its session.
func (t *topic) leave(m *membership, worker int) (idle bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !m.Leave() {
		return false
	}
	t.wanted[m.Member.variant]--
	if t.present {
		s := m.Member.session()
		s.server.attendance.exit(s, t.group, worker)
	}
	if len(m.Group.Members()) == 0 {
		t.workers[worker].group = nil
	}
	return t.empty() && !t.pinned
}

// MaxWorkers is how many workers a topic can tell apart.
const MaxWorkers = 256

// workerSet is a set of worker indexes.
type workerSet [MaxWorkers / 64]uint64

func (w *workerSet) add(i int) { w[i/64] |= 1 << (i % 64) }

func (w *workerSet) remove(i int) { w[i/64] &^= 1 << (i % 64) }

func (w *workerSet) has(i int) bool { return w[i/64]&(1<<(i%64)) != 0 }

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

// empty reports whether nobody is in it. Called with mu held.
func (t *topic) empty() bool { return t.wanted == [variants]int32{} }

// step is how a topic goes on: to which workers, in which forms, what stood before, and
// whether something was lost there.
type step struct {
	workers  workerSet
	wanted   [variants]bool
	previous broker.Position
	gap      bool
}

// advance notes that messages up to this position go to the workers. A group that is
// not open gets nothing: what still comes belongs to a subscription that has ended.
func (t *topic) advance(at broker.Position) (s step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.open {
		return s
	}
	s = step{workers: t.workersLocked(), wanted: t.variantsLocked(), previous: t.last, gap: t.gap}
	t.last, t.gap = at, false
	return s
}

func (t *topic) workersLocked() (workers workerSet) {
	for i := range t.workers {
		if t.workers[i].group != nil {
			workers.add(i)
		}
	}
	return workers
}

// position is that of the last message that was handed to the workers.
func (t *topic) position() broker.Position {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
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
