package memory

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// values is what was put beside the streams.
type values struct {
	mu    sync.Mutex // guards byKey
	byKey map[string]value
}

type value struct {
	data  []byte
	until time.Time
}

// Put keeps values until their time is over.
func (b *Broker) Put(_ context.Context, values []broker.Value) error {
	now := time.Now()
	b.values.mu.Lock()
	defer b.values.mu.Unlock()
	for _, v := range values {
		b.values.byKey[v.Key] = value{bytes.Clone(v.Data), now.Add(v.Lives)}
	}
	return nil
}

// Get returns a value.
func (b *Broker) Get(_ context.Context, key string) ([]byte, error) {
	b.values.mu.Lock()
	defer b.values.mu.Unlock()
	return b.values.get(key), nil
}

// Take returns a value and forgets it.
func (b *Broker) Take(_ context.Context, key string) ([]byte, error) {
	b.values.mu.Lock()
	defer b.values.mu.Unlock()
	defer delete(b.values.byKey, key)
	return b.values.get(key), nil
}

// get is the value of a key whose time is not over. Called with mu held.
func (v *values) get(key string) []byte {
	one, ok := v.byKey[key]
	if !ok || time.Now().After(one.until) {
		return nil
	}
	return bytes.Clone(one.data)
}

// expire forgets those whose time is over.
func (v *values) expire(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key, one := range v.byKey {
		if now.After(one.until) {
			delete(v.byKey, key)
		}
	}
}
