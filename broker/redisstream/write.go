package redisstream

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// The bounds of one pipeline. More brings nothing: Redis is busy with it anyway.
const (
	batchMessages = 128
	batchBytes    = 1 << 20
)

// writer is one of the senders. A group always has the same one, which keeps the
// order of its messages.
type writer struct {
	broker *Broker
	wake   chan struct{}
	ended  chan struct{}

	mu     sync.Mutex // guards what follows
	queue  []pending
	closed bool

	// Owned by writeLoop.
	expired  map[broker.Group]time.Time // when the group's expiry was last set
	outcomes []broker.Outcome           // of one pipeline
}

// pending is a message that waits for its stream.
type pending struct {
	broker.Publication
	since time.Time
}

func newWriter(b *Broker) *writer {
	return &writer{broker: b, wake: make(chan struct{}, 1), ended: make(chan struct{}), expired: make(map[broker.Group]time.Time)}
}

// Publish queues a batch for the writers of its groups, with each writer locked once.
func (b *Broker) Publish(batch []broker.Publication) (taken int, err error) {
	limits := &b.config.Limits
	room := int64(limits.QueueMessages) - b.queuedMessages.Load()
	left := int64(limits.QueueBytes) - b.queuedBytes.Load()
	for taken < len(batch) && int64(taken) < room {
		if left -= int64(len(batch[taken].Message.Data)); left < 0 {
			break
		}
		taken++
	}
	if !b.queue(batch[:taken]) {
		b.counts.closed.Inc()
		return 0, fmt.Errorf("redisstream: %w", broker.ErrClosed)
	}
	if taken < len(batch) {
		b.counts.full.Inc()
		err = fmt.Errorf("redisstream: more messages wait for Redis than publish.queue_messages and publish.queue_bytes allow: %w", broker.ErrFull)
	}
	return taken, err
}

// queue gives each writer its share of a batch. All writers are locked meanwhile, in
// their order, so that Close comes after or before a batch and never between.
func (b *Broker) queue(batch []broker.Publication) bool {
	if len(batch) == 0 {
		return true
	}
	for _, w := range b.writers {
		w.mu.Lock()
		defer w.mu.Unlock()
	}
	if b.writers[0].closed {
		return false
	}
	now, bytes := time.Now(), 0
	for _, p := range batch {
		w := b.writers[hash(p.Message.Group)%uint32(len(b.writers))]
		w.queue = append(w.queue, pending{p, now})
		bytes += len(p.Message.Data)
	}
	b.queuedMessages.Add(int64(len(batch)))
	b.queuedBytes.Add(int64(bytes))
	for _, w := range b.writers {
		if len(w.queue) > 0 {
			w.signal()
		}
	}
	return true
}

// hash says which writer a group has.
func hash(g broker.Group) uint32 {
	h := fnv.New32a()
	_, _ = io.WriteString(h, g.Hub)
	_, _ = io.WriteString(h, g.Name)
	return h.Sum32()
}

// unqueue takes a batch off the bounds' account.
func (b *Broker) unqueue(batch []pending) {
	bytes := 0
	for i := range batch {
		bytes += len(batch[i].Message.Data)
	}
	b.queuedMessages.Add(-int64(len(batch)))
	b.queuedBytes.Add(-int64(bytes))
}

// signal wakes writeLoop.
func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	close(w.wake)
}

// take returns what has queued, and leaves the emptied slice in its place.
func (w *writer) take(empty []pending) (queue []pending, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	queue = w.queue
	w.queue = empty[:0]
	return queue, w.closed
}

// writeLoop sends what has queued while the pipeline before was under way. There
// is no timer: under light load a message goes at once, under heavy load batches
// grow by themselves.
func (w *writer) writeLoop() {
	defer close(w.ended)
	var queue []pending
	for closed := false; !closed; {
		<-w.wake
		queue, closed = w.take(queue)
		for rest := queue; len(rest) > 0; {
			n := batchSize(rest)
			w.write(rest[:n])
			rest = rest[n:]
		}
		clear(queue)
	}
}

// batchSize is how much of the queue fits one pipeline.
func batchSize(queue []pending) int {
	bytes := 0
	for i, p := range queue {
		bytes += len(p.Message.Data)
		if i > 0 && (i == batchMessages || bytes > batchBytes) {
			return i
		}
	}
	return len(queue)
}

// write sends one pipeline and tells everyone what became of his message.
func (w *writer) write(batch []pending) {
	b := w.broker
	limits := &b.config.Limits
	// The whole batch has the time that its oldest message has left.
	deadline := batch[0].since.Add(limits.WriteTimeout)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	adds := make([]*redis.StringCmd, len(batch))
	if ctx.Err() == nil {
		pipe := b.client.Pipeline()
		for i, p := range batch {
			key := b.key(p.Message.Group)
			adds[i] = pipe.XAdd(ctx, &redis.XAddArgs{
				Stream: key, MaxLen: int64(limits.Capacity), Approx: true, Values: encode(p.Message),
			})
			if w.expires(p.Message.Group, limits.GroupExpiry) {
				pipe.Expire(ctx, key, limits.GroupExpiry)
			}
		}
		_, err := pipe.Exec(ctx) // each command has its own error
		b.pulse.report(err == nil)
		b.counts.batches.Inc()
	}
	w.outcomes = w.outcomes[:0]
	for i, p := range batch {
		at, err := w.outcome(adds[i])
		if err != nil {
			delete(w.expired, p.Message.Group)
		}
		w.outcomes = append(w.outcomes, broker.Outcome{Receipt: p.Receipt, Position: at, Err: err})
	}
	b.unqueue(batch)
	b.config.Receiver.Published(w.outcomes)
	clear(w.outcomes)
}

// expires reports whether a group's expiry is to be set again: once in a tenth of
// it is often enough.
func (w *writer) expires(g broker.Group, expiry time.Duration) bool {
	now := time.Now()
	if now.Sub(w.expired[g]) < expiry/10 {
		return false
	}
	if len(w.expired) > 100_000 {
		clear(w.expired) // costs one EXPIRE more per group, and bounds the memory
	}
	w.expired[g] = now
	return true
}

// outcome tells apart what is in the stream, what is not, and what may be.
func (w *writer) outcome(add *redis.StringCmd) (broker.Position, error) {
	counts := &w.broker.counts
	if add == nil {
		counts.unavailable.Inc()
		return broker.Position{}, fmt.Errorf("redisstream: the message waited for publish.timeout: %w", broker.ErrUnavailable)
	}
	id, err := add.Result()
	if err == nil {
		at, err := broker.ParsePosition(id)
		if err == nil {
			counts.published.Inc()
			return at, nil
		}
	}
	if refused(err) {
		counts.unavailable.Inc()
		return broker.Position{}, fmt.Errorf("redisstream: %w: %w", broker.ErrUnavailable, err)
	}
	counts.unknown.Inc()
	return broker.Position{}, fmt.Errorf("redisstream: %w: %w", broker.ErrUnknown, err)
}

// refused reports whether an error proves that Redis did not do the command: Redis
// said so itself, or was never reached.
func refused(err error) bool {
	var reply redis.Error
	if errors.As(err, &reply) || errors.Is(err, redis.ErrPoolTimeout) {
		return true
	}
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "dial"
}
