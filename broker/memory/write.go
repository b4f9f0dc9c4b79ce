package memory

import (
	"fmt"

	"github.com/tidegate/tidegate/broker"
)

// Publish appends messages to their groups' streams. There is nothing to wait for:
// where other brokers send what has queued in a loop of its own, here the caller
// appends and the read goroutine takes what was appended meanwhile.
func (b *Broker) Publish(batch []broker.Publication) (taken int, err error) {
	taken, err = b.publish(batch)
	if taken > 0 {
		b.dirty.wakeUp()
	}
	return taken, err
}

// PublishLent is Publish, and the caller reads the messages himself if he can, so that
// no other goroutine has to be woken for them.
func (b *Broker) PublishLent(batch []broker.Publication, to *broker.Receiver) (taken int, err error) {
	taken, err = b.publish(batch)
	if taken > 0 {
		b.lend(to)
	}
	return taken, err
}

// publish appends messages and rings. The clock is read and the bounds are kept once a
// batch, so that workers that publish at the same time share nothing per message but the
// groups that they both speak in.
func (b *Broker) publish(batch []broker.Publication) (taken int, err error) {
	fits := b.reserve(batch)
	now := b.now()
	for taken < fits && err == nil {
		n := taken + 1 // of one group, most often all
		for n < fits && batch[n].Message.Group == batch[taken].Message.Group {
			n++
		}
		var written int
		written, err = b.write(batch[taken:n], now)
		taken += written
	}
	if err == nil && taken < len(batch) {
		b.counts.full.Inc()
		err = fmt.Errorf("memory: more messages wait to be delivered than publish.queue_messages and publish.queue_bytes allow: %w", broker.ErrFull)
	}
	if rest := batch[taken:]; len(rest) > 0 {
		b.release(len(rest), sizeOf(rest))
	}
	b.counts.published.Add(taken)
	return taken, err
}

// reserve puts a batch on the bounds' account and says how much of it they have
// room for; the caller releases what he does not use.
func (b *Broker) reserve(batch []broker.Publication) (fits int) {
	limits := &b.config.Limits
	room := int64(limits.QueueMessages) - b.queuedMessages.Add(int64(len(batch))) + int64(len(batch))
	bytes := sizeOf(batch)
	left := int64(limits.QueueBytes) - b.queuedBytes.Add(int64(bytes)) + int64(bytes)
	for fits < len(batch) && int64(fits) < room {
		if left -= int64(len(batch[fits].Message.Data)); left < 0 {
			break
		}
		fits++
	}
	return fits
}

// release takes messages off the bounds' account.
func (b *Broker) release(messages, bytes int) {
	b.queuedMessages.Add(-int64(messages))
	b.queuedBytes.Add(-int64(bytes))
}

// sizeOf is the sum of the payloads, in bytes.
func sizeOf(batch []broker.Publication) (bytes int) {
	for i := range batch {
		bytes += len(batch[i].Message.Data)
	}
	return bytes
}

// write finds the stream of some messages of one group, most often with the shard
// locked for reading only, and appends.
func (b *Broker) write(batch []broker.Publication, now broker.Position) (written int, err error) {
	g := batch[0].Message.Group
	sh := b.shard(g)
	sh.mu.RLock()
	if s := sh.of(g); s != nil && !sh.closed {
		defer sh.mu.RUnlock()
		return b.append(s, batch, now)
	}
	sh.mu.RUnlock()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		b.counts.closed.Inc()
		return 0, fmt.Errorf("memory: %w", broker.ErrClosed)
	}
	return b.append(sh.stream(g, b), batch, now)
}

// append adds messages to a stream and rings. Called with the shard locked, so that
// Close comes after or before it, and never between.
func (b *Broker) append(s *stream, batch []broker.Publication, now broker.Position) (written int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for written < len(batch) && s.append(batch[written], now, b.config.Limits.Capacity) {
		written++
	}
	if written > 0 {
		b.dirty.ring(s)
		b.keep(int64(sizeOf(batch[:written]) + written*messageExpense))
	}
	if written < len(batch) {
		b.counts.full.Inc()
		return written, fmt.Errorf("memory: group %s: as many messages as its capacity wait to be delivered: %w", s.group, broker.ErrFull)
	}
	return written, nil
}
