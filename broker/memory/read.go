package memory

import (
	"sync"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// doorbell is the streams that have something to be read, and a wake-up.
type doorbell struct {
	wake chan struct{}

	mu      sync.Mutex // guards streams; taken after a stream's own
	streams []*stream
}

func (d *doorbell) init() { d.wake = make(chan struct{}, 1) }

// ring has the read goroutine look at a stream. Called with the stream locked.
func (b *Broker) ring(s *stream) {
	if s.rung {
		return
	}
	s.rung = true
	d := &b.dirty
	d.mu.Lock()
	d.streams = append(d.streams, s)
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// take returns the streams that were rung for and leaves the emptied slice in
// their place.
func (d *doorbell) take(empty []*stream) []*stream {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.streams
	d.streams = empty[:0]
	return all
}

// page is how much of one stream is read before the others have their turn.
const page = 256

// batch is what the read goroutine has taken and not handed over yet; its slices
// are used again and again.
type batch struct {
	streams  []*stream
	messages []*broker.Message // of open groups
	outcomes []broker.Outcome
	taken    []*broker.Message
	bytes    int
}

// The bounds of one hand-over: large enough to share its cost, and small enough that
// the workers begin early with what comes first.
const (
	batchMessages = 1024
	batchBytes    = 1 << 20
)

// readLoop is the one goroutine that reads: it answers publishers and subscribers
// and hands messages to the receiver, in each stream's order. While it does, more
// gathers; so it takes much at once when there is much, without a timer.
func (b *Broker) readLoop() {
	defer b.ended.Done()
	var t batch
	for stopped := false; !stopped; {
		select {
		case <-b.dirty.wake:
		case <-b.stop:
			stopped = true
		}
		for {
			clear(t.streams)
			t.streams = b.dirty.take(t.streams)
			if len(t.streams) == 0 {
				break
			}
			for _, s := range t.streams {
				b.read(s, &t)
			}
			b.handOver(&t)
		}
	}
}

// read takes one page of a stream and rings again if there is more.
func (b *Broker) read(s *stream, t *batch) {
	s.mu.Lock()
	opened, at := s.opening, s.read()
	if opened {
		s.opening, s.open = false, true
	}
	open := s.open
	s.rung = false
	t.taken, t.outcomes = s.take(t.taken[:0], t.outcomes, page)
	if s.unread() > 0 {
		b.ring(s)
	}
	s.mu.Unlock()

	if opened {
		b.handOver(t)
		b.config.Receiver.Opened(s.group, at, nil)
	}
	for _, m := range t.taken {
		t.bytes += len(m.Data)
	}
	if open {
		t.messages = append(t.messages, t.taken...)
	}
	clear(t.taken)
	if len(t.outcomes) >= batchMessages || t.bytes >= batchBytes {
		b.handOver(t)
	}
}

// handOver gives the receiver what has gathered: the messages first, since they have
// further to go.
func (b *Broker) handOver(t *batch) {
	if len(t.outcomes) == 0 && len(t.messages) == 0 {
		return // messages come alone if they were taken when their group was opened
	}
	r := &b.config.Receiver
	if len(t.messages) > 0 {
		r.Deliver(t.messages)
	}
	r.Published(t.outcomes)
	b.release(len(t.outcomes), t.bytes)
	b.counts.fetched.Add(len(t.outcomes))
	b.counts.batches.Inc()
	clear(t.messages)
	clear(t.outcomes)
	t.messages, t.outcomes, t.bytes = t.messages[:0], t.outcomes[:0], 0
}

// sweep forgets groups that nobody spoke in for the expiry, until Close.
func (b *Broker) sweep() {
	defer b.ended.Done()
	expiry := b.config.Limits.GroupExpiry
	tick := time.NewTicker(min(max(expiry/4, time.Millisecond), time.Minute))
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-tick.C:
			now := b.now()
			for i := range b.shards {
				b.shards[i].expire(now, expiry)
			}
			b.values.expire(time.Now())
			b.nodes.expire(time.Now())
		}
	}
}

// expire empties what is too old, and forgets it if it is not open either.
func (sh *shard) expire(now broker.Position, expiry time.Duration) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, of := range sh.streams {
		for name, s := range of {
			if s.expired(now, expiry) {
				delete(of, name)
			}
		}
	}
}
