package redisstream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/push"
)

// doorbell is one connection on which Redis says which keys under the prefix have
// changed, whoever changed them (CLIENT TRACKING … BCAST). It was registered and
// is delivered on the same connection, so it cannot half-die.
type doorbell struct {
	master *master
	client *redis.Client // of its own, so that no other connection is tracked

	mu  sync.Mutex // guards what follows
	sub *redis.PubSub

	heard     chan struct{}         // the probe's key has changed
	connected atomic.Bool           // Redis has confirmed the subscription
	trouble   atomic.Pointer[error] // why it was not connected, the last time
}

func newDoorbell(m *master, o *redis.Options) (*doorbell, error) {
	d := &doorbell{master: m, heard: make(chan struct{}, 1)}
	prefix := m.broker.config.Prefix + ":"
	o.OnConnect = func(ctx context.Context, c *redis.Conn) error {
		if err := m.connected(ctx, c); err != nil {
			return err
		}
		if err := c.Do(ctx, "CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", prefix).Err(); err != nil {
			return fmt.Errorf("redisstream: Redis refuses client tracking, which the gateway needs (Redis 6 or later, and no proxy that hides it): %w", err)
		}
		return nil
	}
	d.client = redis.NewClient(o)
	if err := d.client.RegisterPushNotificationHandler("invalidate", d, false); err != nil {
		return nil, fmt.Errorf("redisstream: %w", err)
	}
	return d, nil
}

// HandlePushNotification is called by the client, on the goroutine of listen, for
// each invalidation: ["invalidate", [key, …]], or nil for all keys (FLUSHALL). It
// only marks: a listener that is slow is cut off by Redis.
func (d *doorbell) HandlePushNotification(_ context.Context, _ push.NotificationHandlerContext, message []any) error {
	b := d.master.broker
	b.counts.rings.Inc()
	if len(message) < 2 {
		return nil
	}
	keys, ok := message[1].([]any)
	if !ok {
		b.counts.resyncFlush.Inc()
		b.resync(d.master)
		return nil
	}
	probed := d.master.key.Load()
	for _, k := range keys {
		if probed != nil && k == *probed {
			select {
			case d.heard <- struct{}{}:
			default:
			}
		}
	}
	b.follows.ring(keys)
	return nil
}

// listen keeps the connection, for ever. The subscription is to a channel that
// nobody publishes to: it is there to have a connection that is read from. Each
// new connection means a resync, since what rang meanwhile was not heard.
func (d *doorbell) listen() {
	m, b := d.master, d.master.broker
	pause := m.pulse.newPause()
	for m.ctx.Err() == nil {
		sub := d.client.Subscribe(m.ctx, b.own("doorbell:"+b.node))
		d.mu.Lock()
		d.sub = sub
		d.mu.Unlock()
		for m.ctx.Err() == nil {
			message, err := sub.ReceiveTimeout(m.ctx, 0)
			if err != nil {
				d.trouble.Store(&err)
				break
			}
			if _, ok := message.(*redis.Subscription); ok {
				pause.reset()
				m.pulse.heard(nil, time.Now())
				d.connected.Store(true)
				b.counts.resyncDoorbell.Inc()
				b.resync(m)
			}
		}
		_ = sub.Close()
		d.connected.Store(false)
		pause.wait(m.ctx)
	}
}

// hangUp ends the present connection, and listen makes another.
func (d *doorbell) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sub != nil {
		_ = d.sub.Close()
	}
}
