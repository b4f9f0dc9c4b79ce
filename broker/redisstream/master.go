package redisstream

import (
	"context"
	"errors"
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
	client *redis.Client
	bell   *doorbell
	wake   chan struct{} // what is dirty is to be read

	pulse    pulse
	dirty    []*follow              // guarded by follows.mu
	gathered []*broker.Message      // owned by readLoop: read and not handed over yet
	keeping  []held                 // owned by readLoop: entries on their way into rings
	suspects []*repair              // owned by readLoop: groups of the batch that could not be verified
	unsure   bool                   // owned by readLoop: the batch may have been read from a server that was restarted
	connects int                    // guarded by follows.mu: connections that client has made
	taken    int                    // guarded by follows.mu: connects when the batch was taken
	failing  time.Time              // owned by probeLoop: since when; zero: all is well
	wrong    atomic.Pointer[error]  // what is wrong, as the probe found it last; nil when all is well
	key      atomic.Pointer[string] // the probe's

	ctx   context.Context
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// newMaster begins to speak to a server. It is not ready before the probe says so.
func (b *Broker) newMaster(addr string) (*master, error) {
	m := &master{broker: b, addr: addr, wake: make(chan struct{}, 1), failing: time.Now()}
	m.ctx, m.stop = context.WithCancel(b.ctx)
	m.wrong.Store(&errStarting)
	options := *b.options
	options.Addr = addr
	options.OnConnect = m.connected
	m.client = redis.NewClient(&options)
	bellOptions := *b.options
	bellOptions.Addr = addr
	var err error
	if m.bell, err = newDoorbell(m, &bellOptions); err != nil {
		m.stop()
		return nil, errors.Join(err, m.client.Close())
	}
	m.ended.Go(m.readLoop)
	m.ended.Go(m.bell.listen)
	m.ended.Go(m.probeLoop)
	return m, nil
}

// close ends what newMaster began. It waits for a receiver that is behind.
func (m *master) close() error {
	m.stop()
	m.bell.hangUp()
	m.ended.Wait()
	return errors.Join(m.bell.client.Close(), m.client.Close())
}

// connected is called for each connection that the client makes. What is read through
// it may come from a server that was restarted or replaced, so that no group's last
// entry is believed to be there before that was seen.
func (m *master) connected(context.Context, *redis.Conn) error {
	m.broker.follows.distrust(m)
	return nil
}

// signal wakes readLoop.
func (m *master) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// layout is which master has which slot, as it was found last. It is never changed,
// only replaced.
type layout struct {
	masters []*master
	slots   []*master // by slot; only one if there is but one master
}

// of is the master of a slot.
func (l *layout) of(slot uint16) *master {
	if len(l.slots) == 1 {
		return l.slots[0]
	}
	return l.slots[slot]
}
