package memory

import (
	"fmt"

	"github.com/tidegate/tidegate/broker"
)

// Publish appends a message to its group's stream. There is nothing to wait for:
// where other brokers send what has queued in a loop of its own, here the caller
// appends and the read goroutine takes what was appended meanwhile.
func (b *Broker) Publish(m *broker.Message, done func(broker.Position, error)) error {
	limits := &b.config.Limits
	messages, bytes := b.queuedMessages.Add(1), b.queuedBytes.Add(int64(len(m.Data)))
	err := error(nil)
	if messages > int64(limits.QueueMessages) || bytes > int64(limits.QueueBytes) {
		b.counts.full.Inc()
		err = fmt.Errorf("memory: more messages wait to be delivered than publish.queue_messages and publish.queue_bytes allow: %w", broker.ErrFull)
	} else {
		err = b.write(m, done)
	}
	if err != nil {
		b.unqueue(m)
		return err
	}
	b.counts.published.Inc()
	return nil
}

// unqueue takes a message off the bounds' account.
func (b *Broker) unqueue(m *broker.Message) {
	b.queuedMessages.Add(-1)
	b.queuedBytes.Add(-int64(len(m.Data)))
}

// write finds the stream, most often with the shard locked for reading only, and
// appends.
func (b *Broker) write(m *broker.Message, done func(broker.Position, error)) error {
	sh := b.shard(m.Group)
	sh.mu.RLock()
	if s := sh.streams[m.Group]; s != nil && !sh.closed {
		defer sh.mu.RUnlock()
		return b.append(s, m, done)
	}
	sh.mu.RUnlock()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		b.counts.closed.Inc()
		return fmt.Errorf("memory: %w", broker.ErrClosed)
	}
	return b.append(sh.stream(m.Group, b), m, done)
}

// append adds the message to a stream and rings. Called with the shard locked, so
// that Close comes after or before it, and never between.
func (b *Broker) append(s *stream, m *broker.Message, done func(broker.Position, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.append(entry{m, done}, b.now(), b.config.Limits.Capacity) {
		b.counts.full.Inc()
		return fmt.Errorf("memory: group %s: as many messages as its capacity wait to be delivered: %w", m.Group, broker.ErrFull)
	}
	b.ring(s)
	return nil
}
