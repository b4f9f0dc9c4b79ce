// Package redisstream is the broker of many nodes: a group is one Redis stream,
// and every node reads the streams of the groups that have members on it.
//
//	publish ─▶ writer (2) ══ XADD, pipelined ══▶ stream ─┐
//	                                                     │ key changed
//	deliver ◀─ readLoop ══ XREAD, pipelined ◀══ dirty ◀── doorbell
//
// The stream is the truth. The doorbell, Redis's client tracking, says which keys
// changed; it only marks groups as dirty. So a doorbell that is lost, doubled or
// late delays a read and never loses a message, and what it failed to say is found
// by the probe, by the resync after every fault, and by the slow sweep.
package redisstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/tidegate/tidegate/broker"
)

// Config is what the broker is told once, by value.
type Config struct {
	URL      string        // redis:// or rediss://, with user, password and database as usual
	Prefix   string        // of the groups' keys: {Prefix}:{hub}:{group}
	Sweep    time.Duration // every open group is verified once in this time
	Probe    time.Duration // the doorbell is tried this often
	Limits   broker.Limits
	Receiver broker.Receiver
	Log      *slog.Logger
	Metrics  *metrics.Set
}

var _ broker.Broker = (*Broker)(nil)

// Broker is one node's link to Redis.
type Broker struct {
	// Static after New.
	config    Config
	node      string         // this node's name in Redis, new at each start
	options   *redis.Options // of every server; the address is each one's own
	clustered bool           // keys have slots, and masters have some of them
	counts    counts
	writers   []*writer

	layout  atomic.Pointer[layout] // the same as that of follows
	follows follows
	rings   rings
	epoch   epoch
	handing sync.Mutex // held while the receiver is called, by one read loop at a time

	queueing                    sync.Mutex   // guards the writers' queues and full; held for moments
	full                        bool         // nothing more is taken: the broker is being closed
	queuedMessages, queuedBytes atomic.Int64 // waiting for the stream

	stop   context.CancelFunc
	ctx    context.Context
	closed atomic.Bool
	ended  sync.WaitGroup
}

// errStarting is why a node is not ready that has not heard from Redis yet.
var errStarting = errors.New("redisstream: Redis has not answered yet")

// New starts the broker. It fails on a URL that cannot be right, and not when
// Redis is away: then the node is not ready, and goes on trying.
func New(config Config) (*Broker, error) {
	options, err := options(config.URL)
	if err != nil {
		return nil, err
	}
	quiet.Do(func() { redis.SetLogger(silence{}) })
	b := &Broker{config: config, node: rand.Text(), options: options}
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.follows.byKey = make(map[string]*follow)
	b.rings.byKey = make(map[string]*ring)
	b.epoch.words = make(map[string]string)
	b.counts.init(config.Metrics, b)
	b.rings.dropped = b.counts.heldDropped
	m, err := b.newMaster(options.Addr)
	if err != nil {
		b.stop()
		return nil, err
	}
	b.arrange(&layout{masters: []*master{m}, slots: []*master{m}})
	for range 2 {
		b.writers = append(b.writers, newWriter(b))
	}
	for _, w := range b.writers {
		b.ended.Go(w.writeLoop)
	}
	b.ended.Go(b.sweepLoop)
	return b, nil
}

// silence is where the client library's own log goes: a line for every connection
// that fails, while the probe says once that Redis is away.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

var quiet sync.Once // the library has one log for the whole process

// timeout bounds every command, so that a Redis that hangs is found.
const timeout = time.Second

// options reads the URL.
func options(address string) (*redis.Options, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("redisstream: the broker's URL cannot be read; want redis://user:password@host:6379/0, with special characters in the password percent-encoded")
	}
	if u.Scheme != "redis" && u.Scheme != "rediss" {
		return nil, fmt.Errorf("redisstream: %s:// is not supported yet; name one server with redis:// or rediss://", u.Scheme)
	}
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, fmt.Errorf("redisstream: the broker's URL: %w", err)
	}
	o.Protocol = 3 // the doorbell needs push messages
	// A write that is sent again after its answer was lost would say a message
	// twice, and the loops here try again by themselves.
	o.MaxRetries = -1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = timeout, timeout, timeout, timeout
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.PoolSize = 8
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return o, nil
}

// key is the stream of a group.
func (b *Broker) key(g broker.Group) string {
	return b.config.Prefix + ":" + g.Hub + ":" + g.Name
}

// arrange replaces the layout.
func (b *Broker) arrange(l *layout) {
	b.layout.Store(l)
	b.follows.rehome(l)
}

// commands is for single commands of which it does not matter when they are done.
func (b *Broker) commands() redis.Cmdable { return b.layout.Load().slots[0].client }

// Ready says what the probes found last.
func (b *Broker) Ready() error {
	for _, m := range b.layout.Load().masters {
		if wrong := m.wrong.Load(); wrong != nil {
			return *wrong
		}
	}
	return nil
}

// Read asks Redis for what a group has after a position. It begins with the entry at
// the position: only if that is still there was nothing trimmed behind it.
func (b *Broker) Read(ctx context.Context, g broker.Group, after broker.Position, limit int) ([]*broker.Message, error) {
	if b.closed.Load() {
		return nil, broker.ErrClosed
	}
	from, count := "-", int64(limit)
	if !after.IsZero() {
		from, count = after.String(), count+1
	}
	entries, err := b.commands().XRangeN(ctx, b.key(g), from, "+", count).Result()
	if err != nil {
		return nil, fmt.Errorf("redisstream: read %s: %w: %w", g, broker.ErrUnavailable, err)
	}
	if !after.IsZero() {
		if len(entries) == 0 || entries[0].ID != from {
			return nil, fmt.Errorf("redisstream: read %s: %w", g, broker.ErrTrimmed)
		}
		entries = entries[1:]
	}
	return b.messages(g, entries), nil
}

// messages are those of entries that are fit to be sent.
func (b *Broker) messages(g broker.Group, entries []redis.XMessage) []*broker.Message {
	all := make([]*broker.Message, 0, len(entries))
	for _, e := range entries {
		at, err := broker.ParsePosition(e.ID)
		if err != nil {
			continue // Redis makes no such ids
		}
		if m := b.decode(g, at, e); m != nil {
			all = append(all, m)
		}
	}
	return all
}

// Close sends what is queued if that is possible at once, and ends everything.
func (b *Broker) Close() error {
	if b.closed.Swap(true) {
		return broker.ErrClosed
	}
	b.closeQueues()
	b.stop()
	var errs []error
	for _, m := range b.layout.Load().masters {
		errs = append(errs, m.close())
	}
	b.ended.Go(b.refuseAll)
	b.ended.Wait()
	return errors.Join(errs...)
}
