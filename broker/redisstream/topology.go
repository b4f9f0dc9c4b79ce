package redisstream

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// span is a range of slots and the address of the master that has them.
type span struct {
	first, last uint16
	addr        string
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

// at is the master at an address, or nil.
func (l *layout) at(addr string) *master {
	for _, m := range l.masters {
		if m.addr == addr {
			return m
		}
	}
	return nil
}

// spent reports whether a master is to be replaced.
func (l *layout) spent() bool {
	return slices.ContainsFunc(l.masters, func(m *master) bool { return m.spent.Load() })
}

// has reports whether a master has any slot.
func (l *layout) has(m *master) bool { return slices.Contains(l.slots, m) }

// topology is how the layout is found, and found again.
type topology struct {
	// Static after New.
	find  func(context.Context) ([]span, error)
	often time.Duration // 0: only when something is wrong
	kick  chan struct{} // look again, after the pause that there is between two looks
	hurry chan struct{} // end that pause
	blind bool          // owned by who looks: nothing was found the last time

	mu     sync.Mutex // guards what follows, and is held while the layout is replaced
	extras map[string]extra
}

// extra is a master that has no slot, and yet was named as the one that has a key: a
// slot is on its way to it.
type extra struct {
	master *master
	asked  time.Time // last
}

const (
	lookInterval = time.Second            // between one look at the topology and the next
	lookPause    = 200 * time.Millisecond // at least; also while something is wrong
	extraLives   = time.Minute            // for an extra master, after it was named
)

// look has the topology looked at again.
func (b *Broker) look() {
	select {
	case b.topology.kick <- struct{}{}:
	default:
	}
}

// topologyLoop finds the masters, and goes on looking for others. What it cannot find
// out it leaves as it was: a master needs no Sentinel to be written to.
func (b *Broker) topologyLoop() {
	t := &b.topology
	for b.ctx.Err() == nil {
		b.rest(lookPause)
		var tick <-chan time.Time
		if b.Ready() != nil || b.layout.Load().spent() {
			tick = time.After(0)
		} else if t.often > 0 {
			tick = time.After(t.often - lookPause)
		}
		select {
		case <-b.ctx.Done():
		case <-tick:
		case <-t.kick:
		}
		if err := b.lookUp(); err != nil {
			b.config.Log.Error("a Redis server cannot be spoken to", "error", err)
		}
	}
}

// lookUp looks once. That nothing is found is no error, but what is wrong with what has
// no master.
func (b *Broker) lookUp() error {
	ctx, cancel := context.WithTimeout(b.ctx, timeout)
	defer cancel()
	t := &b.topology
	spans, err := t.find(ctx)
	if err == nil {
		t.blind = false
		return b.settle(spans)
	}
	if b.ctx.Err() != nil {
		return nil
	}
	b.nowhere.wrong.Store(&err)
	if !t.blind {
		t.blind = true
		b.config.Log.Error("it cannot be found out which Redis servers are masters; those that are known are kept", "error", err)
	}
	return nil
}

// rest waits, up to half as long again, so that nodes do not look all at once.
func (b *Broker) rest(d time.Duration) {
	select {
	case <-b.ctx.Done():
	case <-b.topology.hurry:
	case <-time.After(d + rand.N(d/2)):
	}
}

// settle makes a layout of what was found, and puts it in force if it is another.
func (b *Broker) settle(spans []span) error {
	t := &b.topology
	t.mu.Lock()
	defer t.mu.Unlock()
	if b.ctx.Err() != nil {
		return nil
	}
	was := b.layout.Load()
	l := &layout{slots: make([]*master, len(was.slots))}
	for _, s := range spans {
		m := l.at(s.addr)
		if m == nil {
			var err error
			if m, err = b.keep(was, s.addr); err != nil {
				return err
			}
			l.masters = append(l.masters, m)
		}
		for slot := int(s.first); slot <= int(s.last); slot++ {
			l.slots[slot] = m
		}
	}
	for slot, m := range l.slots {
		if m == nil {
			l.slots[slot] = b.nowhere
		}
	}
	if l.has(b.nowhere) {
		b.nowhere.wrong.Store(&errUnserved)
		l.masters = append(l.masters, b.nowhere)
	}
	for addr, x := range t.extras {
		if time.Since(x.asked) > extraLives || x.master.due() || slices.Contains(l.masters, x.master) {
			delete(t.extras, addr)
		} else {
			l.masters = append(l.masters, x.master)
		}
	}
	for _, m := range l.masters {
		m.rekey(l)
		m.watch()
	}
	if !slices.Equal(l.slots, was.slots) || !slices.Equal(l.masters, was.masters) {
		b.arrange(l)
		b.abandon(was, l)
	}
	return nil
}

// errUnserved is why a node is not ready whose Cluster has not given all slots away.
var errUnserved = errors.New("redisstream: some slots of the Cluster are served by no master: see CLUSTER INFO")

// keep is the master at an address as it is, or a new one if there is none, or if what
// speaks to it has to be made anew. Called with topology.mu held.
func (b *Broker) keep(was *layout, addr string) (*master, error) {
	if m := was.at(addr); m != nil && !m.due() {
		return m, nil
	}
	if x, ok := b.topology.extras[addr]; ok && !x.master.spent.Load() {
		return x.master, nil
	}
	delete(b.topology.extras, addr)
	return b.newMaster(addr)
}

// arrange puts a layout in force.
func (b *Broker) arrange(l *layout) {
	b.layout.Store(l)
	if b.cluster != nil {
		b.cluster.client.ReloadState(b.ctx)
	}
	b.follows.rehome(l)
}

// abandon ends the masters that are not in the new layout any more.
func (b *Broker) abandon(was, l *layout) {
	for _, m := range was.masters {
		if m == b.nowhere || slices.Contains(l.masters, m) {
			continue
		}
		if l.at(m.addr) == nil {
			b.config.Log.Info("a Redis server is left; another one has its groups", "server", m.addr)
		} else {
			b.config.Log.Debug("a Redis server is connected to anew", "server", m.addr)
		}
		b.ended.Go(func() { _ = m.close() })
	}
}

// named is the master at an address that another one has named as the owner of a key.
func (b *Broker) named(addr string) (*master, error) {
	b.look()
	t := &b.topology
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := b.layout.Load().at(addr); m != nil && t.extras[addr].master != m {
		return m, nil
	}
	if b.ctx.Err() != nil {
		return nil, b.ctx.Err()
	}
	x, ok := t.extras[addr]
	if !ok {
		var err error
		if x.master, err = b.newMaster(addr); err != nil {
			return nil, err
		}
		x.master.watch()
	}
	x.asked = time.Now()
	t.extras[addr] = x
	return x.master, nil
}

// closeMasters ends all masters. The broker's context has ended, so that no others come;
// their loops may still ask for one.
func (b *Broker) closeMasters() (err error) {
	t := &b.topology
	t.mu.Lock()
	all := append([]*master{b.nowhere}, b.layout.Load().masters...)
	for _, x := range t.extras {
		all = append(all, x.master)
	}
	t.mu.Unlock()
	for i, m := range all {
		if !slices.Contains(all[:i], m) {
			err = errors.Join(err, m.close())
		}
	}
	return err
}
