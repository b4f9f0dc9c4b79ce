package presence

import (
	"log/slog"
	"time"
)

// Renewed takes what the broker has answered to this node's Lease (held) and Living, asked
// at a time before both, or the error of either. It is to be called several times while a
// lease lasts; nothing is marked before the first. May be called from any goroutine; it
// never waits.
func (k *Keeper) Renewed(held bool, living []string, err error, asked time.Time) {
	k.post(func() { k.renewed(held, living, err, asked) })
}

// renewed takes what the broker was asked of leases at a time. A node without one is
// dead; but not while leases may have ended because the broker itself was away, and the
// living need a moment to say so again.
func (k *Keeper) renewed(held bool, living []string, err error, asked time.Time) {
	if err != nil {
		k.uncertain(err)
		return
	}
	lost := k.away || !held
	if lost {
		if k.leased {
			k.counts.leaseLost.Inc()
			k.config.Log.Warn("this node's lease had ended, or could not be renewed; what others know of its members is compared with what it knows")
		}
		k.lenient = time.Now().Add(k.config.Lease / 2)
		k.repairAll()
	}
	k.away, k.leased, k.pause = false, true, time.Time{}
	has := make(map[string]bool, len(living))
	for _, node := range living {
		if node != k.config.Node {
			has[node] = true
			k.met(node)
		}
	}
	for node, last := range k.nodes {
		if !has[node] && last.Before(asked) && asked.After(k.lenient) {
			k.dead(node)
		}
	}
	for _, r := range k.rosters {
		// What was announced before anybody has read it may be lost as well.
		r.stale = r.stale || r.whole && (lost || r.lacks(has))
		k.touched[r] = struct{}{}
	}
}

// lacks reports whether the part of one of these nodes is to be read, since it had no
// lease when the roster was.
func (r *roster) lacks(nodes map[string]bool) bool {
	for node := range nodes {
		if _, read := r.read[node]; !read {
			return true
		}
	}
	return false
}

// uncertain is for a time in which nothing is known of leases: nobody is taken for dead.
func (k *Keeper) uncertain(err error) {
	if !k.away && k.ctx.Err() == nil {
		k.config.Log.Warn("this node's lease could not be renewed; it is tried again", slog.Any("error", err))
	}
	k.away = true
	k.counts.leaseErrors.Inc()
}

// met notes that a node lives at this moment.
func (k *Keeper) met(node string) { k.nodes[node] = time.Now() }

// dead takes a node's members out.
func (k *Keeper) dead(node string) {
	delete(k.nodes, node)
	k.counts.dead.Inc()
	k.config.Log.Warn("a node's lease has ended: its members are taken to be gone", "node", node)
	for _, r := range k.rosters {
		r.drop(node)
		k.touched[r] = struct{}{}
	}
}
