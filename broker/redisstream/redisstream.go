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
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// Config is what the broker is told once, by value.
type Config struct {
	URL      string        // one server, Sentinels or a Cluster: see address.go
	TLS      TLS           // for rediss://
	Prefix   string        // of the groups' keys: {Prefix}:{hub}:{group}
	Sweep    time.Duration // every open group is verified once in this time
	Probe    time.Duration // the doorbell is tried this often
	Limits   broker.Limits
	Receiver broker.Receiver

	WaitReplicas int           // a message is acked when so many replicas have it, too
	WaitTimeout  time.Duration // and for so long they are waited for

	Log     *slog.Logger
	Metrics *metrics.Set
}

var _ broker.Broker = (*Broker)(nil)

// Broker is one node's link to Redis.
type Broker struct {
	// Static after New.
	config    Config
	node      string // this node's name in Redis, new at each start
	target    *target
	clustered bool       // keys have slots, and masters have some of them
	sentinels *sentinels // or nil
	cluster   *cluster   // or nil
	nowhere   *master    // has what no server has
	counts    counts
	writers   []*writer
	began     atomic.Bool // a master was ready

	topology topology
	layout   atomic.Pointer[layout] // the same as that of follows
	follows  follows
	rings    rings
	epoch    epoch
	handing  sync.Mutex // held while the receiver is called, by one read loop at a time

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
// Redis is away: then the node is not ready, and goes on trying. Sentinels and a
// Cluster it asks for their masters first, which may take a second.
func New(config Config) (*Broker, error) {
	t, err := parse(config.URL, config.TLS)
	if err != nil {
		return nil, err
	}
	quiet.Do(func() { redis.SetLogger(silence{}) })
	b := &Broker{config: config, node: rand.Text(), target: t, clustered: t.kind == "cluster"}
	b.ctx, b.stop = context.WithCancel(context.Background())
	b.follows.byKey, b.follows.ghosts = make(map[string]*follow), make(map[string]*follow)
	b.rings.byGroup = make(map[broker.Group]*ring)
	b.epoch.words = make(map[string]string)
	b.counts.init(config.Metrics, b)
	b.rings.dropped = b.counts.heldDropped
	b.nowhere = b.newNowhere()
	if err := b.begin(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	b.ended.Go(b.topologyLoop)
	b.ended.Go(b.sweepLoop)
	return b, nil
}

// begin sets up what depends on the kind of the target.
func (b *Broker) begin() error {
	t, writers, slotted := &b.topology, 2, 1
	t.kick, t.hurry, t.extras = make(chan struct{}, 1), make(chan struct{}, 1), make(map[string]extra)
	switch b.target.kind {
	case "sentinel":
		b.sentinels = newSentinels(b.target)
		t.find, t.often = b.sentinels.find, lookInterval
	case "cluster":
		b.cluster = newCluster(b, b.target)
		t.find, t.often = b.cluster.find, lookInterval
		writers, slotted = clusterWriters, slots
	default:
		t.find = func(context.Context) ([]span, error) { return []span{{addr: b.target.options.Addr}}, nil }
	}
	b.arrange(&layout{masters: []*master{b.nowhere}, slots: slices.Repeat([]*master{b.nowhere}, slotted)})
	for range writers {
		w := newWriter(b)
		b.writers = append(b.writers, w)
		b.ended.Go(w.writeLoop)
	}
	return b.lookUp()
}

// clusterWriters is how many senders a Cluster has. Masters mostly have ranges of
// slots, and each sender has one.
const clusterWriters = 16

// silence is where the client library's own log goes: a line for every connection
// that fails, while the probe says once that Redis is away.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

var quiet sync.Once // the library has one log for the whole process

// key is the stream of a group.
func (b *Broker) key(g broker.Group) string {
	return b.config.Prefix + ":" + g.Hub + ":" + g.Name
}

// commands is for single commands of which it does not matter when they are done.
func (b *Broker) commands() redis.Cmdable {
	if b.cluster != nil {
		return b.cluster.client
	}
	return b.layout.Load().slots[0].client
}

// Ready says what the probes found last. A master that has no slot yet may be away.
func (b *Broker) Ready() error {
	for _, m := range b.layout.Load().masters {
		if wrong := m.wrong.Load(); wrong != nil && (m.key.Load() != nil || m == b.nowhere) {
			return *wrong
		}
	}
	return nil
}

// Read asks Redis for what a group has after a position. Entries that are not fit to be
// sent are passed over: no messages means that there are none.
func (b *Broker) Read(ctx context.Context, g broker.Group, after broker.Position, limit int) ([]*broker.Message, error) {
	for limit > 0 {
		entries, err := b.entries(ctx, g, after, limit)
		if err != nil {
			return nil, err
		}
		if all := b.messages(g, entries); len(all) > 0 || len(entries) < limit {
			return all, nil
		}
		if after, err = broker.ParsePosition(entries[len(entries)-1].ID); err != nil {
			return nil, fmt.Errorf("redisstream: read %s: %w", g, err) // Redis makes no such ids
		}
	}
	return nil, nil
}

// entries are those after a position. It begins with the entry at the position: only if
// that is still there was nothing trimmed behind it.
func (b *Broker) entries(ctx context.Context, g broker.Group, after broker.Position, limit int) ([]redis.XMessage, error) {
	if b.closed.Load() {
		return nil, broker.ErrClosed
	}
	from, count := "-", int64(limit)
	if !after.IsZero() {
		from, count = after.String(), count+1
	}
	entries, err := b.commands().XRangeN(ctx, b.key(g), from, "+", count).Result()
	switch {
	case err != nil:
		return nil, fmt.Errorf("redisstream: read %s: %w: %w", g, broker.ErrUnavailable, err)
	case after.IsZero():
		return entries, nil
	case len(entries) == 0 || entries[0].ID != from:
		return nil, fmt.Errorf("redisstream: read %s: %w", g, broker.ErrTrimmed)
	}
	return entries[1:], nil
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
	err := b.closeMasters()
	b.ended.Wait()
	b.refuseAll()
	if b.sentinels != nil {
		err = errors.Join(err, b.sentinels.close())
	}
	if b.cluster != nil {
		err = errors.Join(err, b.cluster.client.Close())
	}
	return err
}
