package memory

import (
	"math"
	"sort"

	"github.com/tidegate/tidegate/broker"
)

// What streams cost beside the payloads, in bytes: a message with what refers to it, and a
// stream with its name and its place in the table.
const (
	messageExpense = 256
	streamExpense  = 768
)

// sizeOfMessages is what some messages count as.
func sizeOfMessages(all []*broker.Message) (bytes int64) {
	for _, m := range all {
		bytes += int64(len(m.Data)) + messageExpense
	}
	return bytes
}

// keep puts bytes on the account of all streams, and has sweep come if it is overdrawn. It
// does not wait: what publishers add meanwhile is bounded by what is not read yet.
func (b *Broker) keep(bytes int64) {
	if kept := b.kept.Add(bytes); b.config.Bytes > 0 && kept > int64(b.config.Bytes) {
		select {
		case b.over <- struct{}{}:
		default:
		}
	}
}

// evict lets go of the oldest messages of all groups, and of groups that nobody is in and
// in which nobody has spoken for as long, until three quarters of the bound are left. By
// age and not by group, so that who fills the memory cannot choose whose history goes: all
// groups reach back as far.
func (b *Broker) evict() {
	if b.kept.Load() <= int64(b.config.Bytes) {
		return // of an earlier wake-up
	}
	horizon := b.ages().horizon(int64(b.config.Bytes) / 4 * 3)
	for i := range b.shards {
		b.counts.evicted.Add(b.shards[i].evict(horizon))
	}
}

// evict lets go of what is not newer than a horizon, and says how many messages that were.
// What is not read yet stays.
func (sh *shard) evict(horizon uint64) (messages int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, of := range sh.streams {
		for name, s := range of {
			n, empty := s.evict(horizon)
			if messages += n; empty {
				sh.forget(of, name, s)
			}
		}
	}
	return messages
}

// evict is shard.evict for one stream; empty says that it may be forgotten.
func (s *stream) evict(horizon uint64) (messages int, empty bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.log; l != nil {
		messages = sort.Search(len(l.entries)-len(l.fresh), func(i int) bool { return l.entries[i].Position.Ms > horizon })
		s.drop(messages)
	}
	return messages, s.log == nil && s.last.Ms <= horizon && !s.open && !s.opening && !s.rung
}

// ages is how many bytes are how old: of equal spans of time from the oldest message on.
type ages struct {
	from, span uint64 // milliseconds
	bytes      [256]int64
}

// ages looks at all streams, one shard after the other.
func (b *Broker) ages() *ages {
	a := &ages{from: math.MaxUint64}
	b.each(func(s *stream) { a.from = min(a.from, s.oldest()) })
	a.span = (b.now().Ms-min(a.from, b.now().Ms))/uint64(len(a.bytes)) + 1
	b.each(func(s *stream) {
		a.add(s.last.Ms, streamExpense)
		if s.log != nil {
			for _, m := range s.log.entries {
				a.add(m.Position.Ms, int64(len(m.Data))+messageExpense)
			}
		}
	})
	return a
}

// oldest is when the first of what a stream holds was said. Called with it locked.
func (s *stream) oldest() uint64 {
	if s.log == nil {
		return s.last.Ms
	}
	return s.log.entries[0].Position.Ms
}

// each calls f with every stream, locked.
func (b *Broker) each(f func(s *stream)) {
	for i := range b.shards {
		b.shards[i].each(f)
	}
}

func (sh *shard) each(f func(s *stream)) {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for _, of := range sh.streams {
		for _, s := range of {
			s.mu.Lock()
			f(s)
			s.mu.Unlock()
		}
	}
}

func (a *ages) add(ms uint64, bytes int64) {
	i := (max(ms, a.from) - a.from) / a.span
	a.bytes[min(i, uint64(len(a.bytes)-1))] += bytes
}

// horizon is the end of the newest span that has to go, so that no more than some bytes
// are left.
func (a *ages) horizon(left int64) uint64 {
	i := len(a.bytes)
	for kept := int64(0); i > 0 && kept+a.bytes[i-1] <= left; i-- {
		kept += a.bytes[i-1]
	}
	return a.from + uint64(i)*a.span - 1
}
