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

// ring has whoever reads next look at a stream; wakeUp sees to it that somebody does.
// Called with the stream locked.
func (d *doorbell) ring(s *stream) {
	if s.rung {
		return
	}
	s.rung = true
	d.mu.Lock()
	d.streams = append(d.streams, s)
	d.mu.Unlock()
}

// wakeUp has the read goroutine come.
func (d *doorbell) wakeUp() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// putBack returns streams that were taken and not read, and reports whether any wait
// now.
func (d *doorbell) putBack(rest []*stream) (waiting bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.streams = append(d.streams, rest...)
	return len(d.streams) > 0
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

// reader is the role of reading: whoever has it takes what is unread and hands it over,
// and nobody else does, so that the messages of a group stay in their order. Most of the
// time it is the read goroutine's, or nobody's; a publisher may have it for one batch.
type reader struct {
	mu sync.Mutex // is the role
	batch
}

// batch is what was taken and not handed over yet; its slices are used again and again.
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

// full reports whether a batch is to be handed over.
func (t *batch) full() bool { return len(t.outcomes) >= batchMessages || t.bytes >= batchBytes }

// readLoop is the goroutine that reads what no publisher has read on his own: it
// answers publishers and subscribers and hands messages to the receiver, in each
// stream's order. While it does, more gathers; so it takes much at once when there is
// much, without a timer.
func (b *Broker) readLoop() {
	defer b.ended.Done()
	for stopped := false; !stopped; {
		select {
		case <-b.dirty.wake:
		case <-b.stop:
			stopped = true
		}
		for b.readAll() {
			// What came meanwhile is next.
		}
	}
}

// readAll takes a page of every stream that was rung for, and reports whether there
// was one.
func (b *Broker) readAll() bool {
	b.reader.mu.Lock()
	defer b.reader.mu.Unlock()
	t, to := &b.reader.batch, &b.config.Receiver
	b.takeDirty(t)
	for _, s := range t.streams {
		b.read(s, t, to)
		if t.full() {
			b.handOver(t, to)
		}
	}
	b.handOver(t, to)
	return len(t.streams) > 0
}

// lend reads one batch on the goroutine of a publisher, if nobody reads just then. What
// that leaves is the read goroutine's: what another reader may have passed already, what
// is beyond a batch, and groups that are to be opened.
func (b *Broker) lend(to *broker.Receiver) {
	if !b.reader.mu.TryLock() {
		b.dirty.wakeUp()
		return
	}
	defer b.reader.mu.Unlock()
	t := &b.reader.batch
	b.takeDirty(t)
	rest := t.streams[:0]
	for _, s := range t.streams {
		if t.full() || !b.read(s, t, to) {
			rest = append(rest, s)
		}
	}
	b.handOver(t, to)
	b.counts.lent.Inc()
	if b.dirty.putBack(rest) {
		b.dirty.wakeUp()
	}
}

// takeDirty begins a batch with the streams that were rung for.
func (b *Broker) takeDirty(t *batch) {
	clear(t.streams)
	t.streams = b.dirty.take(t.streams)
}

// read takes one page of a stream and rings again if there is more. A receiver that
// opens no groups leaves one that is to be opened as it is: false.
func (b *Broker) read(s *stream, t *batch, to *broker.Receiver) bool {
	s.mu.Lock()
	opened, at := s.opening, s.read()
	if opened && to.Opened == nil {
		s.mu.Unlock()
		return false
	}
	if opened {
		s.opening, s.open = false, true
	}
	open := s.open
	s.rung = false
	t.taken, t.outcomes = s.take(t.taken[:0], t.outcomes, page)
	if s.unread() > 0 {
		b.dirty.ring(s)
	}
	s.mu.Unlock()

	if opened {
		b.handOver(t, to)
		to.Opened(s.group, at, nil)
	}
	for _, m := range t.taken {
		t.bytes += len(m.Data)
	}
	if open {
		t.messages = append(t.messages, t.taken...)
	}
	clear(t.taken)
	return true
}

// handOver gives a receiver what has gathered: the messages first, since they have
// further to go.
func (b *Broker) handOver(t *batch, to *broker.Receiver) {
	if len(t.outcomes) == 0 && len(t.messages) == 0 {
		return // messages come alone if they were taken when their group was opened
	}
	if len(t.messages) > 0 {
		to.Deliver(t.messages)
	}
	to.Published(t.outcomes)
	b.release(len(t.outcomes), t.bytes)
	b.counts.fetched.Add(len(t.outcomes))
	b.counts.batches.Inc()
	clear(t.messages)
	clear(t.outcomes)
	t.messages, t.outcomes, t.bytes = t.messages[:0], t.outcomes[:0], 0
}

// sweep forgets groups that nobody spoke in for the expiry, and what is beyond the bound
// in bytes, until Close.
func (b *Broker) sweep() {
	defer b.ended.Done()
	expiry := b.config.Limits.GroupExpiry
	tick := time.NewTicker(min(max(expiry/4, time.Millisecond), time.Minute))
	defer tick.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-b.over:
			b.evict()
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

// forget takes out a stream without a log, of a hub's. Called with the shard and the
// stream locked, or with nobody left who could speak in it.
func (sh *shard) forget(of map[string]*stream, name string, s *stream) {
	sh.forgot = sh.forgot || !s.whole
	s.kept.Add(-streamExpense)
	delete(of, name)
}

// expire empties what is too old, and forgets it if it is not open either.
func (sh *shard) expire(now broker.Position, expiry time.Duration) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, of := range sh.streams {
		for name, s := range of {
			if s.expired(now, expiry) {
				sh.forget(of, name, s)
			}
		}
	}
}
