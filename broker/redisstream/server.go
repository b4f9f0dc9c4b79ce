package redisstream

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
)

// errOtherServer is why a connection is not used.
var errOtherServer = errors.New("redisstream: another server answers at this address than before, or another run of it; it is connected to anew")

// connected is called for each connection that a client of the master makes, before it is
// used. All of them must lead to one run of one server: a name may be given to another one
// while the connections to the first go on, and whoever writes to two servers, or reads
// from one what he writes to the other, loses without seeing it. Another run of the same
// server is another one, too: nobody knows what it has lost.
func (m *master) connected(ctx context.Context, c *redis.Conn) error {
	info, err := c.InfoMap(ctx, "server").Result()
	var refusal redis.Error
	if err != nil && !errors.As(err, &refusal) {
		return err
	}
	run := info["Server"]["run_id"]
	if run == "" {
		// The server does not say. What is read through this connection is verified.
		m.broker.follows.distrust(m)
		return nil
	}
	if m.run.CompareAndSwap(nil, &run) || *m.run.Load() == run {
		return nil
	}
	if !m.misplaced.Swap(true) {
		m.broker.config.Log.Info("another Redis server answers at an address than before, or it was restarted", "server", m.addr)
		m.hurry()
	}
	m.replace()
	return errOtherServer
}

// hurry has the topology looked at at once. A name that leads to two servers in turn has
// no hurry each time.
func (m *master) hurry() {
	if m.young() {
		return
	}
	select {
	case m.broker.topology.hurry <- struct{}{}:
	default:
	}
}

// replace has the server looked up and connected to anew. Nothing that is connected is
// believed any more: the name may be another server's by now.
func (m *master) replace() {
	m.spent.Store(true)
	m.broker.look()
}

// due reports whether what speaks to a server is to be made anew: at once if another one
// answers there, and otherwise not too often.
func (m *master) due() bool {
	return m.spent.Load() && (m.misplaced.Load() || !m.young())
}

// young reports whether it was connected to only now.
func (m *master) young() bool { return time.Since(m.born) < lookInterval }
