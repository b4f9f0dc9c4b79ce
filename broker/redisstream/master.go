package redisstream

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// master is one server that takes writes, and all that speaks to it alone: a client,
// a doorbell, a read loop and a probe. They share the address, so that none of them
// can be on a server that the others have left. A master that is not what it was is
// not repaired but replaced by a new one, and its groups go over to that.
type master struct {
	// Static after newMaster.
	broker *Broker
	addr   string // empty for the one that stands for no server
	born   time.Time
	client *redis.Client // fails at once while the server does not answer
	prober *redis.Client // of the probe, which finds out when it answers again
	bell   *doorbell
	wake   chan struct{} // what is dirty is to be read

	pulse     pulse
	dirty     []*follow              // guarded by follows.mu
	gathered  []*broker.Message      // owned by readLoop: read and not handed over yet
	keeping   []held                 // owned by readLoop: entries on their way into rings
	suspects  []*repair              // owned by readLoop: groups of the batch that could not be verified
	unsure    bool                   // owned by readLoop: the batch may have been read from another history
	doubts    int                    // guarded by follows.mu: how often what was read was to be verified
	taken     int                    // guarded by follows.mu: doubts when the batch was taken
	failing   time.Time              // owned by probeLoop: since when; zero: all is well
	wrong     atomic.Pointer[error]  // what is wrong, as the probe found it last; nil when all is well
	key       atomic.Pointer[string] // the probe's; nil if the master has no slot
	run       atomic.Pointer[string] // of the server, as its first connection heard; nil: it has not said
	spent     atomic.Bool            // it is to be replaced
	misplaced atomic.Bool            // and another server answers at the address
	salt      atomic.Int64           // of the last key
	word      atomic.Pointer[string] // the key of the epoch; nil if the master has no slot

	ctx     context.Context
	stop    context.CancelFunc
	ended   sync.WaitGroup
	watched sync.Once
}

// newMaster begins to speak to a server. Until the probe has said so for the first
// time no master is ready; later ones have their grace.
func (b *Broker) newMaster(addr string) (*master, error) {
	m := b.emptyMaster(addr)
	if !b.began.Load() {
		m.wrong.Store(&errStarting)
	}
	options := *b.target.options
	if b.target.kind != "" {
		options.Addr = addr
	}
	options.OnConnect = m.connected
	bellOptions, proberOptions := options, options
	options.Limiter = &m.pulse
	if b.config.WaitReplicas > 0 {
		options.ReadTimeout += b.config.WaitTimeout
	}
	m.client = redis.NewClient(&options)
	proberOptions.PipelinePoolSize = -1
	m.prober = redis.NewClient(&proberOptions)
	var err error
	if m.bell, err = newDoorbell(m, &bellOptions); err != nil {
		m.stop()
		return nil, errors.Join(err, m.client.Close(), m.prober.Close())
	}
	m.ended.Go(m.readLoop)
	m.ended.Go(m.bell.listen)
	return m, nil
}

// watch has the server probed from now on. It is known by now whether it has slots: one that
// has, and was not asked for its epoch, is not ready.
func (m *master) watch() {
	if m.bell != nil {
		m.watched.Do(func() { m.ended.Go(m.probeLoop) })
	}
}

func (b *Broker) emptyMaster(addr string) *master {
	m := &master{broker: b, addr: addr, born: time.Now(), wake: make(chan struct{}, 1), failing: time.Now()}
	m.pulse.faults = make(chan struct{}, 1)
	m.ctx, m.stop = context.WithCancel(b.ctx)
	return m
}

// newNowhere is the master of what has none. Nothing can be written to it or read from
// it; what waits for it waits as for a server that is away.
func (b *Broker) newNowhere() *master {
	m := b.emptyMaster("")
	m.wrong.Store(&errStarting)
	options := *b.target.options
	options.Dialer = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: *m.wrong.Load()}
	}
	m.client = redis.NewClient(&options)
	m.ended.Go(m.readLoop)
	return m
}

// close ends what newMaster began. It waits for a receiver that is behind, and for
// commands that others have under way, unless the broker is closed.
func (m *master) close() error {
	m.stop()
	if m.bell == nil {
		m.ended.Wait()
		return m.client.Close()
	}
	m.bell.hangUp()
	m.ended.Wait()
	select {
	case <-m.broker.ctx.Done():
	case <-time.After(2 * timeout):
	}
	return errors.Join(m.bell.client.Close(), m.client.Close(), m.prober.Close())
}

// signal wakes readLoop.
func (m *master) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// exec sends a pipeline, and what is elsewhere there, and reports whether anything was.
// Each command has its own error afterwards; the one that is returned is the first that
// the server itself has said.
func (m *master) exec(ctx context.Context, pipe redis.Pipeliner) (redirected bool, err error) {
	began := time.Now()
	commands, err := send(ctx, pipe)
	m.pulse.heard(err, began)
	return m.broker.redirect(ctx, m, commands), err
}

// send sends a pipeline. Each command has its own error afterwards, also if there was no
// connection to send it on because the server has refused that, as it does for a password
// that is wrong. The library leaves commands without an error then, as if they had been done
// and had found nothing.
func send(ctx context.Context, pipe redis.Pipeliner) ([]redis.Cmder, error) {
	commands, err := pipe.Exec(ctx)
	if err != nil && !slices.ContainsFunc(commands, func(c redis.Cmder) bool { return c.Err() != nil }) {
		for _, c := range commands {
			c.SetErr(err)
		}
	}
	return commands, err
}
