package memory

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// The bounds of what is put beside the streams.
const (
	storeValues  = 1_000_000
	storeBytes   = 256 << 20
	valueExpense = 160 // of a value beside its key and data, in bytes
)

// sweepInterval is how long a Put that finds no room believes the last look at all values:
// there may be a million, and others wait for the lock.
const sweepInterval = time.Second

// values is what was put beside the streams.
type values struct {
	mu     sync.Mutex // guards what follows
	byKey  map[string]value
	bytes  int
	swept  time.Time // when those whose time is over were forgotten last
	closed bool
}

type value struct {
	data  []byte
	until time.Time
}

// size is what a value takes of the bounds.
func size(key string, data []byte) int { return valueExpense + len(key) + len(data) }

// Put keeps values until their time is over; all of them, or none if there is no room.
func (b *Broker) Put(_ context.Context, values []broker.Value) error {
	now := time.Now()
	v := &b.values
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return broker.ErrClosed
	}
	if !v.fit(values) {
		if now.Sub(v.swept) >= sweepInterval {
			v.drop(now)
		}
		if !v.fit(values) {
			return fmt.Errorf("memory: %d values of %d bytes are kept for sessions, and there is room for no more; use Redis, or fewer or shorter sessions: %w", len(v.byKey), v.bytes, broker.ErrUnavailable)
		}
	}
	for _, one := range values {
		v.delete(one.Key)
		v.byKey[one.Key] = value{bytes.Clone(one.Data), now.Add(one.Lives)}
		v.bytes += size(one.Key, one.Data)
	}
	return nil
}

// fit reports whether there is room for some more. Called with mu held.
func (v *values) fit(more []broker.Value) bool {
	number, bytes := len(v.byKey), v.bytes
	for _, one := range more {
		if old, ok := v.byKey[one.Key]; ok {
			number, bytes = number-1, bytes-size(one.Key, old.data)
		}
		number, bytes = number+1, bytes+size(one.Key, one.Data)
	}
	return number <= storeValues && bytes <= storeBytes
}

// Get returns a value.
func (b *Broker) Get(_ context.Context, key string) ([]byte, error) {
	b.values.mu.Lock()
	defer b.values.mu.Unlock()
	return b.values.get(key)
}

// Take returns a value and forgets it.
func (b *Broker) Take(_ context.Context, key string) ([]byte, error) {
	b.values.mu.Lock()
	defer b.values.mu.Unlock()
	defer b.values.delete(key)
	return b.values.get(key)
}

// get is the value of a key whose time is not over. Called with mu held.
func (v *values) get(key string) ([]byte, error) {
	if v.closed {
		return nil, broker.ErrClosed
	}
	one, ok := v.byKey[key]
	if !ok || time.Now().After(one.until) {
		return nil, nil
	}
	return bytes.Clone(one.data), nil
}

// delete forgets a value. Called with mu held.
func (v *values) delete(key string) {
	if old, ok := v.byKey[key]; ok {
		v.bytes -= size(key, old.data)
		delete(v.byKey, key)
	}
}

// expire forgets those whose time is over.
func (v *values) expire(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.drop(now)
}

// drop is expire. Called with mu held.
func (v *values) drop(now time.Time) {
	v.swept = now
	for key, one := range v.byKey {
		if now.After(one.until) {
			v.delete(key)
		}
	}
}

// close refuses what comes from now on.
func (v *values) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
}

// kept is how many values there are, and their bytes.
func (v *values) kept() (number, bytes int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.byKey), v.bytes
}
