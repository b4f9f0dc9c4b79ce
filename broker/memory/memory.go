// Package memory is the broker of one node: the streams are rings in this process.
// Nothing has to be installed for it, and nothing survives it. It keeps the whole
// contract of package broker, so that a program that runs on it runs on Redis too.
package memory

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
)

// Config is what the broker is told once, by value.
type Config struct {
	Limits   broker.Limits // WriteTimeout does not apply: a message is in the ring at once
	Bytes    int           // of all streams together; beyond it the oldest messages of all go. 0 is no bound
	Receiver broker.Receiver
	Log      *slog.Logger
	Metrics  *metrics.Set
}

var (
	_ broker.Broker = (*Broker)(nil)
	_ broker.Lender = (*Broker)(nil)
)

// Broker is the streams of one process.
type Broker struct {
	// Static after New.
	config Config
	began  time.Time // with its monotonic reading, so that positions never go back
	seed   maphash.Seed
	counts counts

	shards [64]shard
	values values
	nodes  nodes
	dirty  doorbell
	reader reader

	queuedMessages, queuedBytes atomic.Int64 // in the streams and not read yet

	kept atomic.Int64  // bytes of all streams, with what they cost beside their messages
	over chan struct{} // wakes sweep: more is kept than Config.Bytes

	stop  chan struct{}  // closed by Close
	ended sync.WaitGroup // readLoop and sweep
}

// shard is some of the streams, so that publishers to different groups seldom
// meet. Lock order: a shard's before a stream's.
type shard struct {
	mu      sync.RWMutex                  // guards what follows
	streams map[string]map[string]*stream // by hub and name
	forgot  bool                          // a stream that was spoken in was forgotten: a new one may have been that
	closed  bool
}

// of is the stream of a group, or nil. Called with the shard locked.
func (sh *shard) of(g broker.Group) *stream { return sh.streams[g.Hub][g.Name] }

// counts are the broker's metrics.
type counts struct {
	published, fetched, batches, lent, evicted *metrics.Counter
	full, closed                               *metrics.Counter
}

// New starts a broker. Close ends it.
func New(config Config) (*Broker, error) {
	b := &Broker{config: config, began: time.Now(), seed: maphash.MakeSeed(), over: make(chan struct{}, 1), stop: make(chan struct{})}
	b.dirty.init()
	b.values.byKey = make(map[string]value)
	b.nodes.init()
	for i := range b.shards {
		b.shards[i].streams = make(map[string]map[string]*stream)
	}
	b.register(config.Metrics)
	b.ended.Add(2)
	go b.readLoop()
	go b.sweep()
	return b, nil
}

func (b *Broker) register(set *metrics.Set) {
	b.counts = counts{
		published: set.NewCounter("tidegate_broker_published_total"),
		fetched:   set.NewCounter("tidegate_broker_fetched_total"),
		batches:   set.NewCounter("tidegate_broker_fetch_batches_total"),
		lent:      set.NewCounter("tidegate_broker_lent_batches_total"),
		evicted:   set.NewCounter("tidegate_broker_evicted_total"),
		full:      set.NewCounter(`tidegate_broker_publish_errors_total{reason="full"}`),
		closed:    set.NewCounter(`tidegate_broker_publish_errors_total{reason="closed"}`),
	}
	set.NewGauge("tidegate_broker_queue_messages", func() float64 { return float64(b.queuedMessages.Load()) })
	set.NewGauge("tidegate_broker_queue_bytes", func() float64 { return float64(b.queuedBytes.Load()) })
	set.NewGauge("tidegate_broker_stream_bytes", func() float64 { return float64(b.kept.Load()) })
	set.NewGauge("tidegate_broker_streams", func() float64 { return float64(b.streams()) })
	set.NewGauge("tidegate_broker_store_values", func() float64 { number, _ := b.values.kept(); return float64(number) })
	set.NewGauge("tidegate_broker_store_bytes", func() float64 { _, bytes := b.values.kept(); return float64(bytes) })
	set.NewGauge("tidegate_broker_ready", func() float64 { return 1 })
}

func (b *Broker) shard(g broker.Group) *shard {
	return &b.shards[maphash.Comparable(b.seed, g)%uint64(len(b.shards))]
}

// streams is how many there are.
func (b *Broker) streams() (n int) {
	for i := range b.shards {
		sh := &b.shards[i]
		sh.mu.RLock()
		for _, of := range sh.streams {
			n += len(of)
		}
		sh.mu.RUnlock()
	}
	return n
}

// Ready is always nil: there is nothing that could be away.
func (b *Broker) Ready() error { return nil }

// Subscribe opens a group at what the read goroutine has read of it.
func (b *Broker) Subscribe(g broker.Group) {
	sh := b.shard(g)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return
	}
	s := sh.stream(g, b)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening = true
	b.dirty.ring(s)
	b.dirty.wakeUp()
}

// Unsubscribe ends the delivery of a group.
func (b *Broker) Unsubscribe(g broker.Group) {
	sh := b.shard(g)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if s := sh.of(g); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.opening, s.open = false, false
	}
}

// Read returns what a group has after a position.
func (b *Broker) Read(_ context.Context, g broker.Group, after broker.Position, limit int) ([]*broker.Message, error) {
	sh := b.shard(g)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.closed {
		return nil, broker.ErrClosed
	}
	s := sh.of(g)
	switch {
	case s == nil && after.IsZero():
		return nil, nil
	case s == nil: // forgotten, and with it how far it went
		return nil, broker.ErrTrimmed
	}
	return s.after(after, limit, b.now(), b.config.Limits.GroupExpiry)
}

// Resume looks for the position in the stream that there is. A group that was empty
// before this process began may have been spoken in by the one before.
func (b *Broker) Resume(_ context.Context, g broker.Group, since broker.Position) (bool, error) {
	empty, beginning := since.Empty()
	if beginning {
		since = broker.Position{}
	}
	sh := b.shard(g)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.closed {
		return false, broker.ErrClosed
	}
	if beginning && empty.UnixMilli() < b.began.UnixMilli() {
		return false, nil
	}
	s := sh.of(g)
	if s == nil {
		return since.IsZero() && !sh.forgot, nil
	}
	return s.holds(since, b.now(), b.config.Limits.GroupExpiry), nil
}

// Last returns the newest messages of a group.
func (b *Broker) Last(_ context.Context, g broker.Group, n int) ([]*broker.Message, error) {
	sh := b.shard(g)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.closed {
		return nil, broker.ErrClosed
	}
	if s := sh.of(g); s != nil {
		return s.newest(n, b.now(), b.config.Limits.GroupExpiry), nil
	}
	return nil, nil
}

// Close refuses what comes from now on, hands over what is there, and returns when
// both goroutines have ended.
func (b *Broker) Close() error {
	for i := range b.shards {
		sh := &b.shards[i]
		sh.mu.Lock()
		again := sh.closed
		sh.closed = true
		sh.mu.Unlock()
		if again {
			return broker.ErrClosed
		}
	}
	b.values.close()
	close(b.stop)
	b.ended.Wait()
	return nil
}
