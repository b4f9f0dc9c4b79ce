package presence

import (
	"log/slog"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// roster is the members of a group on all nodes, while somebody on this one watches it.
// This node's part is what its list says; the others' are read from the broker, and
// changed by what is announced.
type roster struct {
	group broker.Group
	parts map[string]map[string]string // node, connection, user
	read  map[string]struct{}          // nodes whose part was read while they had a lease

	workers map[int]struct{} // that watch it
	waiting []Watch          // for a snapshot
	unseen  time.Time        // since when nobody watches it; zero: somebody does
	next    time.Time        // when the next snapshot may be made
	news    map[string]news  // since the workers were last told

	open    bool      // the broker delivers its changes
	opening bool      // or is to
	stale   bool      // it is to be read
	loading bool      // it is being read
	whole   bool      // it was read
	since   []change  // that have come while it was being read
	spoilt  bool      // so many that not all are there
	swept   time.Time // when it was last read
	pause   time.Time // before it nothing is tried, since it has just failed
}

// news is what is new of a connection.
type news struct {
	user     string
	was, now bool // it is there
}

// The rhythm of rosters.
const (
	sweeps   = time.Minute     // between two readings of one, in case something was missed
	linger   = 5 * time.Second // without a watcher, before it is forgotten
	again    = time.Second     // after something failed
	loads    = 4               // that are read at a time
	page     = 1000            // members that are read at once
	missable = 10_000          // changes that may come while one is being read
	eachPace = 10 * time.Microsecond
	maxPace  = 2 * time.Second
)

// follow begins a roster, with this node's part.
func (k *Keeper) follow(g broker.Group) *roster {
	r := &roster{
		group: g, parts: make(map[string]map[string]string), read: make(map[string]struct{}),
		workers: make(map[int]struct{}), news: make(map[string]news), stale: true,
	}
	k.rosters[g] = r
	if l := k.lists[g]; l != nil {
		for connection, e := range l.entries {
			if e.here() {
				r.set(k.config.Node, connection, e.user, true)
			}
		}
	}
	return r
}

// set notes that a connection is, or is not, in the group on a node.
func (r *roster) set(node, connection, user string, here bool) {
	part := r.parts[node]
	was, before := part[connection]
	if before == here {
		return
	}
	if here {
		if part == nil {
			part = make(map[string]string)
			r.parts[node] = part
		}
		part[connection] = user
	} else {
		user = was
		delete(part, connection)
	}
	if r.elsewhere(node, connection) {
		return // a client that goes on on another node is there all the time
	}
	n, known := r.news[connection]
	if !known {
		n = news{was: before}
	}
	n.user, n.now = user, here
	r.news[connection] = n
}

// elsewhere reports whether a connection is in the group on another node.
func (r *roster) elsewhere(node, connection string) bool {
	for other, part := range r.parts {
		if _, ok := part[connection]; ok && other != node {
			return true
		}
	}
	return false
}

// drop takes out a node's part: it is dead.
func (r *roster) drop(node string) {
	for connection := range r.parts[node] {
		r.set(node, connection, "", false)
	}
	delete(r.parts, node)
	delete(r.read, node)
}

// tend looks after a roster: that it is open and read, and that those who watch it know
// what is new; or that it ends.
func (k *Keeper) tend(r *roster, now time.Time) {
	if len(r.workers) > 0 {
		r.unseen = time.Time{}
	} else if r.unseen.IsZero() {
		r.unseen = now
	}
	if !r.unseen.IsZero() && now.Sub(r.unseen) > linger && !r.opening && !r.loading {
		if r.open {
			k.broker.Unsubscribe(changesOf(r.group))
		}
		delete(k.rosters, r.group)
		return
	}
	if now.After(r.pause) {
		k.advance(r, now)
	}
	if r.whole {
		k.tell(r, now)
	}
}

// advance opens a roster, or has it read if that is due.
func (k *Keeper) advance(r *roster, now time.Time) {
	switch {
	case !r.open && !r.opening:
		r.opening = true
		k.broker.Subscribe(changesOf(r.group))
	case !r.open, r.loading, k.loading >= loads:
	case r.stale, now.Sub(r.swept) > sweeps:
		k.load(r, now)
	}
}

// opened is the broker's word that it delivers a roster's changes, or why it does not.
func (k *Keeper) opened(changes broker.Group, err error) {
	r := k.rosters[groupOf(changes)]
	if r == nil || !r.opening {
		return
	}
	r.opening, r.open = false, err == nil
	if err != nil {
		k.fail(r, err)
		return
	}
	r.stale = true
	k.touched[r] = struct{}{}
}

// fail has a roster be tried again later.
func (k *Keeper) fail(r *roster, err error) {
	k.counts.loadErrors.Inc()
	k.config.Log.Debug("who is in a group could not be read; it is tried again", "group", r.group.String(), slog.Any("error", err))
	r.stale, r.pause = true, time.Now().Add(again)
}

// missed has a roster read again.
func (k *Keeper) missed(changes broker.Group) {
	if r := k.rosters[groupOf(changes)]; r != nil {
		r.stale = true
		k.touched[r] = struct{}{}
	}
}

// tell brings the workers what is new, and those who wait their snapshot. A snapshot of
// a large group is not made for each who comes, or they would keep the node busy.
func (k *Keeper) tell(r *roster, now time.Time) {
	var came, gone []Someone
	for connection, n := range r.news {
		switch {
		case n.was == n.now:
		case n.now:
			came = append(came, Someone{connection, n.user})
		default:
			gone = append(gone, Someone{connection, n.user})
		}
	}
	clear(r.news)
	if len(came)+len(gone) > 0 && len(r.workers) > 0 {
		workers := make([]int, 0, len(r.workers))
		for w := range r.workers {
			workers = append(workers, w)
		}
		k.config.Output.Changed(r.group, workers, came, gone)
	}
	if len(r.waiting) == 0 || now.Before(r.next) {
		return
	}
	members := r.members()
	k.config.Output.Snapshot(r.group, r.waiting, members)
	k.counts.snapshots.Add(len(r.waiting))
	r.waiting, r.next = nil, now.Add(min(time.Duration(len(members))*eachPace, maxPace))
}

// members are all, each once.
func (r *roster) members() []Someone {
	all := make([]Someone, 0, 16)
	seen := make(map[string]struct{})
	for _, part := range r.parts {
		for connection, user := range part {
			if _, twice := seen[connection]; !twice {
				seen[connection] = struct{}{}
				all = append(all, Someone{connection, user})
			}
		}
	}
	return all
}
