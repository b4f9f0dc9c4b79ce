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
// order of its messages whatever becomes of its slot; a Cluster's writers have a range
// of slots each, so that most speak to one master only and none waits for another.
type writer struct {
	broker *Broker
	wake   chan struct{}
	ended  chan struct{}

	queue []pending // guarded by Broker.queueing

	// Owned by writeLoop.
	expired  map[broker.Group]time.Time // when the group's expiry was last set
	adds     []*redis.StringCmd         // of one batch
	outcomes []broker.Outcome           // likewise
	acked    []acked                    // of one pipeline
}

// pending is a message that waits for its stream.
type pending struct {
	broker.Publication
	since time.Time
	slot  uint16
}

func newWriter(b *Broker) *writer {
	return &writer{broker: b, wake: make(chan struct{}, 1), ended: make(chan struct{}), expired: make(map[broker.Group]time.Time)}
}

// Publish queues a batch for the writers of its groups, under one lock.
func (b *Broker) Publish(batch []broker.Publication) (taken int, err error) {
	taken, open := b.queue(batch)
	if !open {
		b.counts.closed.Inc()
		return 0, fmt.Errorf("redisstream: %w", broker.ErrClosed)
	}
	if taken < len(batch) {
		b.counts.full.Inc()
		err = fmt.Errorf("redisstream: more messages wait for Redis than publish.queue_messages and publish.queue_bytes allow: %w", broker.ErrFull)
	}
	return taken, err
}

// queue gives each writer its share of as much of a batch as there is room for. Close
// comes after or before a batch and never between.
func (b *Broker) queue(batch []broker.Publication) (taken int, open bool) {
	if len(batch) == 0 {
		return 0, true
	}
	b.queueing.Lock()
	defer b.queueing.Unlock()
	if b.full {
		return 0, false
	}
	// Inside the lock, so that publishers at the same time do not each take the same room.
	taken, bytes := b.fits(batch)
	now := time.Now()
	var w *writer
	var slot uint16
	for i, p := range batch[:taken] {
		if i == 0 || p.Message.Group != batch[i-1].Message.Group {
			slot = b.slotOf(p.Message.Group)
			w = b.writerOf(p.Message.Group, slot)
		}
		if len(w.queue) == 0 {
			w.signal()
		}
		w.queue = append(w.queue, pending{p, now, slot})
	}
	b.queuedMessages.Add(int64(taken))
	b.queuedBytes.Add(int64(bytes))
	return taken, true
}

// fits is how much of a batch the bounds have room for, and its bytes. Called with
// queueing held.
func (b *Broker) fits(batch []broker.Publication) (n, bytes int) {
	limits := &b.config.Limits
	room := int64(limits.QueueMessages) - b.queuedMessages.Load()
	left := int64(limits.QueueBytes) - b.queuedBytes.Load()
	for n < len(batch) && int64(n) < room {
		size := len(batch[n].Message.Data)
		if int64(bytes+size) > left {
			break
		}
		n, bytes = n+1, bytes+size
	}
	return n, bytes
}

// writerOf says which writer a group has.
func (b *Broker) writerOf(g broker.Group, slot uint16) *writer {
	if b.clustered {
		return b.writers[int(slot)*len(b.writers)/slots]
	}
	h := fnv.New32a()
	_, _ = io.WriteString(h, g.Hub)
	_, _ = io.WriteString(h, g.Name)
	return b.writers[h.Sum32()%uint32(len(b.writers))]
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

// take returns what has queued, and leaves the emptied slice in its place.
func (w *writer) take(empty []pending) (queue []pending, closed bool) {
	b := w.broker
	b.queueing.Lock()
	defer b.queueing.Unlock()
	queue = w.queue
	w.queue = empty[:0]
	return queue, b.full
}

// closeQueues refuses what comes from now on, and returns when the writers have
// written what had come.
func (b *Broker) closeQueues() {
	b.queueing.Lock()
	b.full = true
	b.queueing.Unlock()
	for _, w := range b.writers {
		w.signal()
	}
	for _, w := range b.writers {
		<-w.ended
	}
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

// write sends one pipeline to each master that the batch concerns, and tells everyone
// what became of his message.
func (w *writer) write(batch []pending) {
	b := w.broker
	// The whole batch has the time that its oldest message has left.
	ctx, cancel := context.WithDeadline(context.Background(), batch[0].since.Add(b.config.Limits.WriteTimeout))
	defer cancel()
	w.adds = append(w.adds[:0], make([]*redis.StringCmd, len(batch))...)
	if ctx.Err() == nil {
		w.send(ctx, batch)
	}
	w.outcomes = w.outcomes[:0]
	for i, p := range batch {
		at, err := w.outcome(w.adds[i])
		if err != nil {
			delete(w.expired, p.Message.Group)
		}
		if err == nil {
			w.acked = append(w.acked, acked{at, p.Message})
		}
		w.outcomes = append(w.outcomes, broker.Outcome{Receipt: p.Receipt, Position: at, Err: err})
	}
	b.rings.say(w.acked)
	clear(w.acked)
	w.acked = w.acked[:0]
	b.unqueue(batch)
	b.config.Receiver.Published(w.outcomes)
	clear(w.outcomes)
	clear(w.adds)
}

// parcel is what of a batch one master gets.
type parcel struct {
	pipe redis.Pipeliner
	wait *redis.Cmd // how many replicas have it; nil if that is not asked for
	safe bool       // so many as are wanted
}

func (m *master) newParcel() *parcel { return &parcel{pipe: m.client.Pipeline()} }

// send adds a batch to its streams.
func (w *writer) send(ctx context.Context, batch []pending) {
	l := w.broker.layout.Load()
	first := l.of(batch[0].slot)
	one := first.newParcel()
	var others map[*master]*parcel
	parcelOf := func(m *master) *parcel {
		if m == first {
			return one
		}
		if others == nil {
			others = make(map[*master]*parcel)
		}
		if others[m] == nil {
			others[m] = m.newParcel()
		}
		return others[m]
	}
	now := time.Now()
	for i, p := range batch {
		w.adds[i] = w.add(ctx, parcelOf(l.of(p.slot)).pipe, p.Message, now)
	}
	var sent sync.WaitGroup
	for m, p := range others {
		sent.Go(func() { m.write(ctx, p) })
	}
	first.write(ctx, one)
	sent.Wait()
	for i, p := range batch {
		if !parcelOf(l.of(p.slot)).safe && w.adds[i].Err() == nil {
			w.adds[i].SetErr(errUnreplicated)
		}
	}
}

// errUnreplicated is why it is not known whether a message stays in its stream.
var errUnreplicated = errors.New("redisstream: the stream has the message, and fewer replicas than redis.wait_replicas had it in time")

// add queues a message's commands.
func (w *writer) add(ctx context.Context, to redis.Pipeliner, m *broker.Message, now time.Time) *redis.StringCmd {
	limits := &w.broker.config.Limits
	key := w.broker.key(m.Group)
	add := to.XAdd(ctx, &redis.XAddArgs{Stream: key, MaxLen: int64(limits.Capacity), Approx: true, Values: encode(m)})
	if w.expires(m.Group, now) {
		to.Expire(ctx, key, limits.GroupExpiry)
	}
	return add
}

// write sends a parcel; each command has its own error afterwards. What a Cluster sends
// elsewhere is not waited for there.
func (m *master) write(ctx context.Context, p *parcel) {
	c := &m.broker.config
	if c.WaitReplicas > 0 {
		p.wait = p.pipe.Do(ctx, "WAIT", c.WaitReplicas, c.WaitTimeout.Milliseconds())
	}
	redirected, err := m.exec(ctx, p.pipe)
	if redis.IsReadOnlyError(err) {
		m.replace()
	}
	m.broker.counts.batches.Inc()
	if p.safe = p.wait == nil; !p.safe && !redirected {
		replicas, err := p.wait.Int()
		p.safe = err == nil && replicas >= c.WaitReplicas
	}
}

// expires reports whether a group's expiry is to be set again: once in a tenth of
// it is often enough.
func (w *writer) expires(g broker.Group, now time.Time) bool {
	if now.Sub(w.expired[g]) < w.broker.config.Limits.GroupExpiry/10 {
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
	if errors.As(err, &reply) || errors.Is(err, redis.ErrPoolTimeout) || errors.Is(err, redis.ErrClosed) ||
		errors.Is(err, errSilentServer) || errors.Is(err, errOtherServer) {
		return true
	}
	return undialled(err)
}

// undialled reports whether there was no connection to begin with.
func undialled(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "dial"
}
