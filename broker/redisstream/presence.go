package redisstream

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// The gateway's own keys for presence. Each is one command's only key, so that any
// slot of a cluster may have it.
//
//	{prefix}/node/{node}                     the lease, which Redis lets expire
//	{prefix}/nodes                           a sorted set of all that had one lately
//	{prefix}/present/{node}/{hub}:{group}    a sorted set of "connection user", all of score 0
func (b *Broker) leaseKey(node string) string { return b.own("node/" + node) }

func (b *Broker) nodesKey() string { return b.own("nodes") }

func (b *Broker) presentKey(node string, g broker.Group) string {
	return b.own("present/" + node + "/" + g.Hub + ":" + g.Name)
}

// forgotten is how long a node without a lease stays in the set of nodes. It is judged
// by the nodes' own clocks, and therefore much longer than those are wrong.
const forgotten = 24 * time.Hour

// Lease sets the lease's key, and notes that there is such a node.
func (b *Broker) Lease(ctx context.Context, node string, lives time.Duration) (held bool, err error) {
	if b.closed.Load() {
		return false, broker.ErrClosed
	}
	pipe := b.commands().Pipeline()
	before := pipe.Exists(ctx, b.leaseKey(node))
	pipe.Set(ctx, b.leaseKey(node), time.Now().UnixMilli(), lives)
	pipe.ZAdd(ctx, b.nodesKey(), redis.Z{Score: float64(time.Now().UnixMilli()), Member: node})
	if _, err := pipe.Exec(ctx); err != nil {
		return false, b.away("lease", err)
	}
	return before.Val() > 0, nil
}

// Resign deletes what Lease has set.
func (b *Broker) Resign(ctx context.Context, node string) error {
	if b.closed.Load() {
		return broker.ErrClosed
	}
	pipe := b.commands().Pipeline()
	pipe.Del(ctx, b.leaseKey(node))
	pipe.ZRem(ctx, b.nodesKey(), node)
	if _, err := pipe.Exec(ctx); err != nil {
		return b.away("resign", err)
	}
	return nil
}

// Living asks which of the nodes that had a lease lately still have one.
func (b *Broker) Living(ctx context.Context) ([]string, error) {
	if b.closed.Load() {
		return nil, broker.ErrClosed
	}
	all, err := b.commands().ZRangeWithScores(ctx, b.nodesKey(), 0, -1).Result()
	if err != nil || len(all) == 0 {
		return nil, b.away("living", err)
	}
	pipe := b.commands().Pipeline()
	leases := make([]*redis.IntCmd, len(all))
	for i, z := range all {
		leases[i] = pipe.Exists(ctx, b.leaseKey(z.Member.(string)))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, b.away("living", err)
	}
	var living []string
	var old []any
	for i, z := range all {
		switch {
		case leases[i].Val() > 0:
			living = append(living, z.Member.(string))
		case time.Since(time.UnixMilli(int64(z.Score))) > forgotten:
			old = append(old, z.Member)
		}
	}
	if len(old) > 0 {
		return living, b.away("living", b.commands().ZRem(ctx, b.nodesKey(), old...).Err())
	}
	return living, nil
}

// away is what a command's error means to the caller; nil if there is none.
func (b *Broker) away(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case b.closed.Load():
		return broker.ErrClosed
	}
	return fmt.Errorf("redisstream: %s: %w: %w", what, broker.ErrUnavailable, err)
}

// Mark adds and removes in one pipeline: for each group once to add, once to remove and
// once to set the expiry.
func (b *Broker) Mark(ctx context.Context, node string, marks []broker.Mark, kept time.Duration) error {
	if b.closed.Load() {
		return broker.ErrClosed
	}
	type change struct {
		come []redis.Z
		gone []any
	}
	changes := make(map[broker.Group]*change)
	for _, m := range marks {
		c := changes[m.Group]
		if c == nil {
			c = new(change)
			changes[m.Group] = c
		}
		if m.Gone {
			c.gone = append(c.gone, m.Connection+" "+m.User)
		} else {
			c.come = append(c.come, redis.Z{Member: m.Connection + " " + m.User})
		}
	}
	pipe := b.commands().Pipeline()
	for g, c := range changes {
		key := b.presentKey(node, g)
		if len(c.gone) > 0 {
			pipe.ZRem(ctx, key, c.gone...)
		}
		if len(c.come) > 0 {
			pipe.ZAdd(ctx, key, c.come...)
		}
		pipe.PExpire(ctx, key, kept)
	}
	if pipe.Len() == 0 {
		return nil
	}
	_, err := pipe.Exec(ctx)
	return b.away("mark", err)
}

// Present reads a page of each node's set in one pipeline. The sets are in the order of
// the connections' names, so that the page of all is in the pages of each.
func (b *Broker) Present(ctx context.Context, g broker.Group, nodes []string, after string, limit int) ([]broker.Member, error) {
	if b.closed.Load() {
		return nil, broker.ErrClosed
	}
	if len(nodes) == 0 {
		return nil, nil
	}
	from := "-"
	if after != "" {
		from = "(" + after + "!" // the character after the space, which is behind every name
	}
	pipe := b.commands().Pipeline()
	pages := make([]*redis.StringSliceCmd, len(nodes))
	for i, node := range nodes {
		pages[i] = pipe.ZRangeByLex(ctx, b.presentKey(node, g), &redis.ZRangeBy{Min: from, Max: "+", Count: int64(limit)})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, b.away("present", err)
	}
	var all []broker.Member
	for i, node := range nodes {
		for _, entry := range pages[i].Val() {
			connection, user, _ := strings.Cut(entry, " ")
			all = append(all, broker.Member{Node: node, Connection: connection, User: user})
		}
	}
	slices.SortFunc(all, broker.CompareMembers)
	return broker.PageMembers(all, limit), nil
}
