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
	expired map[broker.Group]time.Time // when the group's expiry was last set
}

// pending is a message that waits for its stream.
type pending struct {
	message *broker.Message
	done    func(broker.Position, error)
	since   time.Time
}

func newWriter(b *Broker) *writer {
	return &writer{broker: b, wake: make(chan struct{}, 1), ended: make(chan struct{}), expired: make(map[broker.Group]time.Time)}
}

// Publish queues a message for its writer.
func (b *Broker) Publish(m *broker.Message, done func(broker.Position, error)) error {
	limits := &b.config.Limits
	messages, bytes := b.queuedMessages.Add(1), b.queuedBytes.Add(int64(len(m.Data)))
	if messages > int64(limits.QueueMessages) || bytes > int64(limits.QueueBytes) {
		b.unqueue(m)
		b.counts.full.Inc()
		return fmt.Errorf("redisstream: more messages wait for Redis than publish.queue_messages and publish.queue_bytes allow: %w", broker.ErrFull)
	}
	h := fnv.New32a()
	_, _ = io.WriteString(h, m.Group.Hub)
	_, _ = io.WriteString(h, m.Group.Name)
	if !b.writers[h.Sum32()%uint32(len(b.writers))].add(pending{m, done, time.Now()}) {
		b.unqueue(m)
		b.counts.closed.Inc()
		return fmt.Errorf("redisstream: %w", broker.ErrClosed)
	}
	return nil
}

func (b *Broker) unqueue(m *broker.Message) {
	b.queuedMessages.Add(-1)
	b.queuedBytes.Add(-int64(len(m.Data)))
}

func (w *writer) add(p pending) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.queue = append(w.queue, p)
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return true
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
		bytes += len(p.message.Data)
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
			key := b.key(p.message.Group)
			adds[i] = pipe.XAdd(ctx, &redis.XAddArgs{
				Stream: key, MaxLen: int64(limits.Capacity), Approx: true, Values: encode(p.message),
			})
			if w.expires(p.message.Group, limits.GroupExpiry) {
				pipe.Expire(ctx, key, limits.GroupExpiry)
			}
		}
		_, err := pipe.Exec(ctx) // each command has its own error
		b.pulse.report(err == nil)
		b.counts.batches.Inc()
	}
	for i, p := range batch {
		at, err := w.outcome(adds[i])
		if err != nil {
			delete(w.expired, p.message.Group)
		}
		b.unqueue(p.message)
		p.done(at, err)
	}
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
