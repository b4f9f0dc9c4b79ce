package presence

import (
	"sync"

	"github.com/tidegate/tidegate/broker"
)

// intake is what one worker's loop has for run. It holds what a membership has come to,
// not what it has gone through, so that it is bounded by the connections that there are.
type intake struct {
	mu      sync.Mutex // guards what follows; held for moments
	changes map[membership]difference
	watches []watch
}

// membership is a connection in a group.
type membership struct {
	group      broker.Group
	connection string
}

// difference is how many more, or fewer, sessions of a connection are in a group than
// before. A client that comes back to its connection on another worker is in it twice
// for a moment, and neither worker knows of the other.
type difference struct {
	user     string
	sessions int
}

// watch is a watcher that wants a snapshot, or, with none, the end of a worker's watching.
type watch struct {
	group   broker.Group
	watcher any
}

// Enter says that a connection of the worker is in a group.
func (k *Keeper) Enter(worker int, g broker.Group, connection, user string) {
	k.change(worker, membership{g, connection}, difference{user, 1})
}

// Exit says that it no longer is, once for each Enter and after it.
func (k *Keeper) Exit(worker int, g broker.Group, connection, user string) {
	k.change(worker, membership{g, connection}, difference{user, -1})
}

func (k *Keeper) change(worker int, m membership, d difference) {
	in := &k.intakes[worker]
	in.mu.Lock()
	if in.changes == nil {
		in.changes = make(map[membership]difference)
	}
	d.sessions += in.changes[m].sessions
	in.changes[m] = d
	in.mu.Unlock()
	k.signal()
}

// Watch asks for a snapshot of a group for a watcher (anything but nil) and for what
// changes after it, for the worker, until Unwatch. Whoever entered before it on this
// worker is in the snapshot.
func (k *Keeper) Watch(worker int, g broker.Group, watcher any) {
	k.watch(worker, watch{g, watcher})
}

// Unwatch says that nobody of the worker watches a group any more.
func (k *Keeper) Unwatch(worker int, g broker.Group) {
	k.watch(worker, watch{g, nil})
}

func (k *Keeper) watch(worker int, w watch) {
	in := &k.intakes[worker]
	in.mu.Lock()
	in.watches = append(in.watches, w)
	in.mu.Unlock()
	k.signal()
}

// take does what one worker's loop has asked for.
func (k *Keeper) take(worker int) {
	in := &k.intakes[worker]
	in.mu.Lock()
	changes, watches := in.changes, in.watches
	in.changes, in.watches = nil, nil
	in.mu.Unlock()
	for m, d := range changes {
		here, changed := k.enlist(m, d)
		if r := k.rosters[m.group]; r != nil && changed {
			r.set(k.config.Node, m.connection, d.user, here)
			k.touched[r] = struct{}{}
		}
	}
	for _, w := range watches {
		k.audience(worker, w)
	}
}

// audience begins or ends a worker's watching.
func (k *Keeper) audience(worker int, w watch) {
	r := k.rosters[w.group]
	if w.watcher == nil {
		if r != nil {
			delete(r.workers, worker)
			k.touched[r] = struct{}{}
		}
		return
	}
	if r == nil {
		r = k.follow(w.group)
	}
	r.workers[worker] = struct{}{}
	r.waiting = append(r.waiting, Watch{worker, w.watcher})
	k.touched[r] = struct{}{}
}
