package memory

import (
	"math"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// stream is one group's messages. There may be as many groups as connections, most of
// them silent; one that was never spoken in, or that has expired, has no log.
type stream struct {
	group broker.Group
	kept  *atomic.Int64 // the broker's; what the log takes and lets go of is on its account

	mu      sync.Mutex // guards what follows
	log     *log
	last    broker.Position // that was given; of a message, or where the stream began
	trimmed broker.Position // of the last message that was let go
	opening bool            // a Subscribe waits for its answer
	open    bool            // delivered to the receiver
	rung    bool            // among the dirty streams
	whole   bool            // nothing that was ever said was let go, as far as is known
}

// log is the history, and of its newest part who waits for the outcome, because the
// read goroutine has not come to it yet.
type log struct {
	read    broker.Position   // that the read goroutine has come to
	entries []*broker.Message // oldest first
	fresh   []broker.Receipt  // of the last len(fresh) entries, which were not read
}

// unread is how many messages the read goroutine has not come to.
func (s *stream) unread() int {
	if s.log == nil {
		return 0
	}
	return len(s.log.fresh)
}

// read is the position that the read goroutine has come to.
func (s *stream) read() broker.Position {
	if s.log == nil {
		return s.last
	}
	return s.log.read
}

// stream returns the group's stream and makes it if there is none. Called with
// the shard locked for writing.
func (sh *shard) stream(g broker.Group, b *Broker) *stream {
	s := sh.of(g)
	if s == nil {
		// A stream that was forgotten and is made again must not repeat positions, and
		// what it held before counts as trimmed.
		now := b.now()
		s = &stream{group: g, last: now, trimmed: before(now), whole: !sh.forgot, kept: &b.kept}
		b.keep(streamExpense)
		if sh.streams[g.Hub] == nil {
			sh.streams[g.Hub] = make(map[string]*stream)
		}
		sh.streams[g.Hub][g.Name] = s
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
	if s.unread() >= capacity {
		return false
	}
	if s.log == nil {
		s.log = &log{read: s.last}
	}
	if s.last.Before(now) {
		s.last = now
	} else {
		s.last.Seq++
	}
	p.Message.Position = s.last
	l := s.log
	l.entries = append(l.entries, p.Message)
	l.fresh = append(l.fresh, p.Receipt)
	s.trim(capacity)
	return true
}

// trim lets go of what is beyond the capacity, in pieces, so that a message costs
// the same whatever the capacity is.
func (s *stream) trim(capacity int) {
	l := s.log
	surplus := min(len(l.entries)-capacity, len(l.entries)-len(l.fresh))
	if surplus >= capacity/4+16 {
		s.drop(surplus)
	}
}

// drop lets go of the oldest messages; with the last of them the log goes, too.
func (s *stream) drop(n int) {
	if n == 0 {
		return
	}
	l := s.log
	s.kept.Add(-sizeOfMessages(l.entries[:n]))
	s.whole = false
	s.trimmed = l.entries[n-1].Position
	rest := copy(l.entries, l.entries[n:])
	clear(l.entries[rest:])
	l.entries = l.entries[:rest]
	if rest == 0 {
		s.log = nil
	}
}

// expire lets go of all that was read, if nobody has spoken for the expiry.
func (s *stream) expire(now broker.Position, expiry time.Duration) {
	if s.log != nil && s.silent(now, expiry) {
		s.drop(len(s.log.entries) - len(s.log.fresh))
	}
}

// expired is expire, and reports whether the stream may be forgotten altogether.
func (s *stream) expired(now broker.Position, expiry time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now, expiry)
	return s.log == nil && s.silent(now, expiry) && !s.open && !s.opening && !s.rung
}

// silent reports whether nobody has spoken for the expiry. A position has the clock's
// milliseconds, and the clock never goes back.
func (s *stream) silent(now broker.Position, expiry time.Duration) bool {
	return int64(now.Ms)-int64(s.last.Ms) > expiry.Milliseconds()
}

// take appends up to limit unread messages to messages, with their outcomes to
// outcomes, and counts them as read.
func (s *stream) take(messages []*broker.Message, outcomes []broker.Outcome, limit int) ([]*broker.Message, []broker.Outcome) {
	n := min(s.unread(), limit)
	if n == 0 {
		return messages, outcomes
	}
	l := s.log
	from := len(l.entries) - len(l.fresh)
	for i, m := range l.entries[from : from+n] {
		messages = append(messages, m)
		outcomes = append(outcomes, broker.Outcome{Receipt: l.fresh[i], Position: m.Position})
		l.read = m.Position
	}
	rest := copy(l.fresh, l.fresh[n:])
	clear(l.fresh[rest:])
	l.fresh = l.fresh[:rest]
	if rest == 0 && cap(l.fresh) > 64 {
		l.fresh = nil // a burst's room; there may be many groups
	}
	return messages, outcomes
}

// after returns messages behind a position, oldest first.
func (s *stream) after(p broker.Position, limit int, now broker.Position, expiry time.Duration) ([]*broker.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now, expiry)
	switch {
	case !p.IsZero() && p.Before(s.trimmed):
		return nil, broker.ErrTrimmed
	case s.log == nil:
		return nil, nil
	}
	all := s.log.entries
	from := sort.Search(len(all), func(i int) bool { return p.Before(all[i].Position) })
	return slices.Clone(all[from:min(len(all), from+max(limit, 0))]), nil
}

// holds reports whether all that came after a position is there. A position that the
// stream never gave is another stream's; the zero one stands for the beginning.
func (s *stream) holds(p, now broker.Position, expiry time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now, expiry)
	switch {
	case p.IsZero():
		return s.whole
	case p == s.last:
		return true
	}
	if s.log == nil || p.Before(s.trimmed) || s.last.Before(p) {
		return false
	}
	_, found := slices.BinarySearchFunc(s.log.entries, p, func(m *broker.Message, p broker.Position) int { return m.Position.Compare(p) })
	return found || p == s.trimmed || p.Seq == 0 && before(p) == s.trimmed // where the stream began
}

// newest returns the last n messages.
func (s *stream) newest(n int, now broker.Position, expiry time.Duration) []*broker.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now, expiry)
	if s.log == nil {
		return nil
	}
	all := s.log.entries
	return slices.Clone(all[len(all)-min(len(all), max(n, 0)):])
}
