package redisstream

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// own is the key of a value of the gateway's: outside the tracked prefix, so that no
// doorbell rings for it.
func (b *Broker) own(key string) string { return b.config.Prefix + "/" + key }

// Put sets values in one pipeline.
func (b *Broker) Put(ctx context.Context, values []broker.Value) error {
	if b.closed.Load() {
		return broker.ErrClosed
	}
	pipe := b.commands().Pipeline()
	for _, v := range values {
		pipe.Set(ctx, b.own(v.Key), v.Data, v.Lives)
	}
	_, err := pipe.Exec(ctx)
	return b.away("put", err)
}

// Get asks for one value.
func (b *Broker) Get(ctx context.Context, key string) ([]byte, error) {
	return b.value(b.commands().Get(ctx, b.own(key)))
}

// Take asks for one value, and has it deleted in the same moment.
func (b *Broker) Take(ctx context.Context, key string) ([]byte, error) {
	return b.value(b.commands().GetDel(ctx, b.own(key)))
}

// value is a command's answer: nil if there is nothing under the key.
func (b *Broker) value(c *redis.StringCmd) ([]byte, error) {
	data, err := c.Bytes()
	switch {
	case err == nil:
		return data, nil
	case errors.Is(err, redis.Nil):
		return nil, nil
	}
	return nil, b.away(c.Name(), err)
}
