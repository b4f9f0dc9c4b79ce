package presence

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// patience is how long one job may wait for the broker.
const patience = 10 * time.Second

// load reads a roster in a job of its own. It begins after the broker has begun to
// deliver its changes, and asks first which nodes live: a node takes its lease before it
// marks anybody, and marks before it announces. So whatever is not in what is read is
// announced after it, and what comes meanwhile is done once more upon it.
func (k *Keeper) load(r *roster, now time.Time) {
	r.stale, r.loading, r.swept = false, true, now
	k.loading++
	k.counts.loads.Inc()
	k.jobs.Go(func() {
		ctx, cancel := context.WithTimeout(k.ctx, patience)
		defer cancel()
		living, err := k.broker.Living(ctx)
		living = slices.DeleteFunc(living, func(node string) bool { return node == k.config.Node })
		var members []broker.Member
		if err == nil {
			members, err = k.present(ctx, r.group, living)
		}
		k.post(func() { k.loaded(r, living, members, err) })
	})
}

// present reads a group on the nodes given.
func (k *Keeper) present(ctx context.Context, g broker.Group, nodes []string) (all []broker.Member, err error) {
	for after := ""; ; {
		some, err := k.broker.Present(ctx, g, nodes, after, page)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(some) < page {
			return all, nil
		}
		after = some[len(some)-1].Connection
	}
}

// loaded takes what was read. Parts of nodes that had no lease are left as they were: such
// a node is dead soon, or has its part put right.
func (k *Keeper) loaded(r *roster, living []string, members []broker.Member, err error) {
	since, spoilt := r.since, r.spoilt
	r.loading, r.since, r.spoilt = false, nil, false
	k.loading--
	if k.rosters[r.group] != r {
		return
	}
	k.touched[r] = struct{}{}
	if err == nil && spoilt {
		err = errSpoilt
	}
	if err != nil {
		k.fail(r, err)
		return
	}
	parts := make(map[string]map[string]string, len(living))
	for _, node := range living {
		parts[node] = make(map[string]string)
		k.met(node)
	}
	for _, m := range members {
		parts[m.Node][m.Connection] = m.User
	}
	for _, c := range since {
		if part := parts[c.Node]; part != nil {
			c.apply(part)
		}
	}
	clear(r.read)
	for node, part := range parts {
		r.replace(node, part)
		r.read[node] = struct{}{}
	}
	if !r.whole {
		clear(r.news) // nobody has a snapshot that it would build upon
	}
	r.whole = true
}

// errSpoilt is why a roster is read again during whose reading too much has happened.
var errSpoilt = errors.New("presence: more changes came than may while a group was read")

// replace makes a node's part what it is.
func (r *roster) replace(node string, part map[string]string) {
	for connection := range r.parts[node] {
		if _, ok := part[connection]; !ok {
			r.set(node, connection, "", false)
		}
	}
	for connection, user := range part {
		r.set(node, connection, user, true)
	}
}
