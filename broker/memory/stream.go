package memory

import (
	"sort"
	"sync"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// stream is one group's messages: those that were read, kept for their history,
// and behind them those that the read goroutine has not come to yet.
type stream struct {
	group broker.Group

	mu      sync.Mutex // guards what follows
	entries []entry    // oldest first
	unread  int        // index of the first that was not read
	last    broker.Position
	read    broker.Position // of the last one that was read
	spoken  int64           // when something was last said, in Unix nanoseconds
	opening bool            // a Subscribe waits for its answer
	open    bool            // delivered to the receiver
	rung    bool            // among the dirty streams
}

// entry is a message and, until it was read, who waits for its position.
type entry struct {
	message *broker.Message
	done    func(broker.Position, error)
}

// stream returns the group's stream and makes it if there is none. Called with
// the shard locked for writing.
func (sh *shard) stream(g broker.Group, b *Broker) *stream {
	s := sh.streams[g]
	if s == nil {
		s = &stream{group: g, spoken: time.Now().UnixNano()}
		// A stream that was forgotten and is made again must not repeat positions.
		s.last = b.now()
		s.read = s.last
		sh.streams[g] = s
	}
	return s
}

// now is the clock that positions are made of. It never goes back.
func (b *Broker) now() broker.Position {
	return broker.Position{Ms: uint64(b.began.Add(time.Since(b.began)).UnixMilli())}
}

// append adds an entry and gives its message a position. It refuses rather than
// overrun what was not read yet: nothing that is acked is trimmed unseen.
func (s *stream) append(e entry, now broker.Position, capacity int) bool {
	if len(s.entries)-s.unread >= capacity {
		return false
	}
	if s.last.Before(now) {
		s.last = now
	} else {
		s.last.Seq++
	}
	e.message.Position = s.last
	s.spoken = time.Now().UnixNano()
	s.entries = append(s.entries, e)
	s.trim(capacity)
	return true
}

// trim lets go of what is beyond the capacity, in pieces, so that a message costs
// the same whatever the capacity is.
func (s *stream) trim(capacity int) {
	surplus := min(len(s.entries)-capacity, s.unread)
	if surplus < capacity/4+16 {
		return
	}
	n := copy(s.entries, s.entries[surplus:])
	clear(s.entries[n:])
	s.entries = s.entries[:n]
	s.unread -= surplus
}

// silent reports whether nobody has spoken for the expiry.
func (s *stream) silent(expiry time.Duration) bool {
	return time.Now().UnixNano()-s.spoken > int64(expiry)
}

// take appends up to limit unread entries to dst and counts them as read.
func (s *stream) take(dst []entry, limit int) []entry {
	n := min(len(s.entries)-s.unread, limit)
	dst = append(dst, s.entries[s.unread:s.unread+n]...)
	for i := s.unread; i < s.unread+n; i++ {
		s.entries[i].done = nil
	}
	s.unread += n
	if n > 0 {
		s.read = dst[len(dst)-1].message.Position
	}
	return dst
}

// after returns messages behind a position, oldest first.
func (s *stream) after(p broker.Position, limit int, expiry time.Duration) []*broker.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent(expiry) {
		return nil
	}
	from := sort.Search(len(s.entries), func(i int) bool { return p.Before(s.entries[i].message.Position) })
	var all []*broker.Message
	for _, e := range s.entries[from:min(len(s.entries), from+max(limit, 0))] {
		all = append(all, e.message)
	}
	return all
}
