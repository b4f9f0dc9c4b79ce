package presence

import (
	"context"
	"log/slog"
	"time"
)

// keepLease says again and again that this node lives, and asks which others do.
func (k *Keeper) keepLease() {
	every := k.config.Lease / 4
	for k.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(k.ctx, max(every, time.Second))
		asked := time.Now()
		held, err := k.broker.Lease(ctx, k.config.Node, k.config.Lease)
		var living []string
		if err == nil {
			living, err = k.broker.Living(ctx)
		}
		cancel()
		k.post(func() { k.renewed(held, living, err, asked) })
		wait := time.NewTimer(every)
		select {
		case <-k.ctx.Done():
		case <-wait.C:
		}
		wait.Stop()
	}
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
