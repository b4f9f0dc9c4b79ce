package memory

import (
	"sync"
	"time"
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

// readLoop is the one goroutine that reads: it answers publishers and subscribers
// and hands messages to the receiver, in each stream's order. While it does, more
// gathers; so it takes much at once when there is much, without a timer.
func (b *Broker) readLoop() {
	defer b.ended.Done()
	var streams []*stream
	var batch []entry
	for stopped := false; !stopped; {
		select {
		case <-b.dirty.wake:
		case <-b.stop:
			stopped = true
		}
		for {
			clear(streams)
			streams = b.dirty.take(streams)
			if len(streams) == 0 {
				break
			}
			for _, s := range streams {
				batch = b.read(s, batch[:0])
				clear(batch)
			}
		}
	}
}

// read hands over one page of a stream and rings again if there is more. batch is
// room that is used again from call to call.
func (b *Broker) read(s *stream, batch []entry) []entry {
	s.mu.Lock()
	opened, at := s.opening, s.read
	if opened {
		s.opening, s.open = false, true
	}
	open := s.open
	s.rung = false
	batch = s.take(batch, page)
	if s.unread < len(s.entries) {
		b.ring(s)
	}
	s.mu.Unlock()

	r := &b.config.Receiver
	if opened {
		r.Opened(s.group, at, nil)
	}
	for _, e := range batch {
		if e.done != nil {
			e.done(e.message.Position, nil)
		}
		if open {
			r.Deliver(e.message)
		}
		b.unqueue(e.message)
	}
	b.counts.fetched.Add(len(batch))
	b.counts.batches.Inc()
	return batch
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
			for i := range b.shards {
				b.shards[i].expire(expiry)
			}
		}
	}
}

// expire empties what is too old, and forgets it if it is not open either.
func (sh *shard) expire(expiry time.Duration) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for g, s := range sh.streams {
		s.mu.Lock()
		if s.silent(expiry) && s.unread == len(s.entries) {
			s.entries, s.unread = nil, 0
			if !s.open && !s.opening && !s.rung {
				delete(sh.streams, g)
			}
		}
		s.mu.Unlock()
	}
}
