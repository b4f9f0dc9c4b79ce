package memory

import (
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// stream is one group's messages: the history, and of its newest part who waits for
// the outcome, because the read goroutine has not come to it yet.
type stream struct {
	group broker.Group

	mu      sync.Mutex        // guards what follows
	entries []*broker.Message // oldest first
	fresh   []broker.Receipt  // of the last len(fresh) entries, which were not read
	last    broker.Position
	read    broker.Position // of the last one that was read
	trimmed broker.Position // of the last one that was let go
	spoken  int64           // when something was last said, in Unix milliseconds
	opening bool            // a Subscribe waits for its answer
	open    bool            // delivered to the receiver
	rung    bool            // among the dirty streams
}

// stream returns the group's stream and makes it if there is none. Called with
// the shard locked for writing.
func (sh *shard) stream(g broker.Group, b *Broker) *stream {
	s := sh.streams[g]
	if s == nil {
		// A stream that was forgotten and is made again must not repeat positions, and
		// what it held before counts as trimmed.
		now := b.now()
		s = &stream{group: g, last: now, read: now, trimmed: before(now), spoken: int64(now.Ms)}
		sh.streams[g] = s
	}
	return s
}

// before is the position just before one that the clock has given.
func before(p broker.Position) broker.Position {
	return broker.Position{Ms: p.Ms - 1, Seq: math.MaxUint64}
}

// now is the clock that positions are made of. It never goes back.
func (b *Broker) now() broker.Position {
	return broker.Position{Ms: uint64(b.began.Add(time.Since(b.began)).UnixMilli())}
}

// append adds a message and gives it a position. It refuses rather than overrun what
// was not read yet: nothing that is acked is trimmed unseen.
func (s *stream) append(p broker.Publication, now broker.Position, capacity int) bool {
	if len(s.fresh) >= capacity {
		return false
	}
	if s.last.Before(now) {
		s.last = now
	} else {
		s.last.Seq++
	}
	p.Message.Position = s.last
	s.spoken = int64(now.Ms)
	s.entries = append(s.entries, p.Message)
	s.fresh = append(s.fresh, p.Receipt)
	s.trim(capacity)
	return true
}

// trim lets go of what is beyond the capacity, in pieces, so that a message costs
// the same whatever the capacity is.
func (s *stream) trim(capacity int) {
	surplus := min(len(s.entries)-capacity, len(s.entries)-len(s.fresh))
	if surplus >= capacity/4+16 {
		s.drop(surplus)
	}
}

// drop lets go of the oldest entries.
func (s *stream) drop(n int) {
	if n == 0 {
		return
	}
	s.trimmed = s.entries[n-1].Position
	rest := copy(s.entries, s.entries[n:])
	clear(s.entries[rest:])
	s.entries = s.entries[:rest]
	if rest == 0 {
		s.entries = nil
	}
}

// silent reports whether nobody has spoken for the expiry.
func (s *stream) silent(now broker.Position, expiry time.Duration) bool {
	return int64(now.Ms)-s.spoken > expiry.Milliseconds()
}

// take appends up to limit unread messages to messages, with their outcomes to
// outcomes, and counts them as read.
func (s *stream) take(messages []*broker.Message, outcomes []broker.Outcome, limit int) ([]*broker.Message, []broker.Outcome) {
	n := min(len(s.fresh), limit)
	if n == 0 {
		return messages, outcomes
	}
	from := len(s.entries) - len(s.fresh)
	for i, m := range s.entries[from : from+n] {
		messages = append(messages, m)
		outcomes = append(outcomes, broker.Outcome{Receipt: s.fresh[i], Position: m.Position})
		s.read = m.Position
	}
	rest := copy(s.fresh, s.fresh[n:])
	clear(s.fresh[rest:])
	s.fresh = s.fresh[:rest]
	if rest == 0 && cap(s.fresh) > 64 {
		s.fresh = nil // a burst's room; there may be many groups
	}
	return messages, outcomes
}

// after returns messages behind a position, oldest first.
func (s *stream) after(p broker.Position, limit int, now broker.Position, expiry time.Duration) ([]*broker.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent(now, expiry) {
		s.drop(len(s.entries) - len(s.fresh))
	}
	if !p.IsZero() && p.Before(s.trimmed) {
		return nil, broker.ErrTrimmed
	}
	from := sort.Search(len(s.entries), func(i int) bool { return p.Before(s.entries[i].Position) })
	return slices.Clone(s.entries[from:min(len(s.entries), from+max(limit, 0))]), nil
}
