package redisstream

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// Resume looks whether the entry at the position is still there, since trimming cuts
// only the old end, and whether a mark of a loss comes after it. What this node holds of
// the stream answers without Redis: so many come back at once, after a moment.
func (b *Broker) Resume(ctx context.Context, g broker.Group, since broker.Position) (whole bool, err error) {
	if b.closed.Load() {
		return false, broker.ErrClosed
	}
	empty, beginning := since.Empty()
	if beginning {
		since = broker.Position{}
	} else {
		empty = time.Now().Add(-b.config.Limits.GroupExpiry)
	}
	// What is held here is more than a stream of a small capacity keeps, and it is read
	// from there: only fewer than capacity later entries cannot have pushed it out.
	if after, found := b.holds(g, since); found && len(after) < b.config.Limits.Capacity {
		return !slices.ContainsFunc(after, func(h held) bool { return h.message != nil && h.message.Lost }), nil
	}
	if since.IsZero() {
		if whole, err = b.untrimmed(ctx, g, empty); err != nil || !whole {
			return false, err
		}
	}
	return b.unmarked(ctx, g, since)
}

// holds returns what this node holds of a group that it follows after a position, if it
// holds the entry at the position.
func (b *Broker) holds(g broker.Group, since broker.Position) (after []held, found bool) {
	f := &b.follows
	f.mu.Lock()
	fo := f.byKey[b.key(g)]
	f.mu.Unlock()
	if fo == nil {
		return nil, false
	}
	return b.rings.after(g, since, fo.since)
}

// untrimmed reports whether a group's stream has every entry that was ever added to it.
// A group without one may be new, or have expired, which is the same, or be lost: that it
// is if the server's whole history was, after the time at which the group was empty.
func (b *Broker) untrimmed(ctx context.Context, g broker.Group, empty time.Time) (bool, error) {
	info, err := b.commands().XInfoStream(ctx, b.key(g)).Result()
	switch {
	case redis.HasErrorPrefix(err, "no such key"):
		return !b.epoch.changedSince(empty), nil
	case err != nil:
		return false, fmt.Errorf("redisstream: resume %s: %w: %w", g, broker.ErrUnavailable, err)
	}
	return info.EntriesAdded == info.Length && !b.epoch.changedSince(empty), nil
}

// unmarked reports whether the entry at a position is there, and no mark of a loss after
// it. It reads in pages, and not further than a stream can be long.
func (b *Broker) unmarked(ctx context.Context, g broker.Group, since broker.Position) (bool, error) {
	from, first := since.String(), !since.IsZero()
	for left := 2*b.config.Limits.Capacity + int(b.page()); left > 0; left -= int(b.page()) {
		entries, err := b.commands().XRangeN(ctx, b.key(g), from, "+", b.page()+1).Result()
		if err != nil {
			return false, fmt.Errorf("redisstream: resume %s: %w: %w", g, broker.ErrUnavailable, err)
		}
		if first && (len(entries) == 0 || entries[0].ID != from) {
			return false, nil
		}
		if first {
			entries, first = entries[1:], false // who stands at a mark knows of it
		}
		if slices.ContainsFunc(entries, isMark) {
			return false, nil
		}
		if len(entries) < int(b.page()) {
			return true, nil
		}
		from = "(" + entries[len(entries)-1].ID
	}
	return false, nil
}

// Last asks Redis for the newest messages of a group.
func (b *Broker) Last(ctx context.Context, g broker.Group, n int) ([]*broker.Message, error) {
	if b.closed.Load() {
		return nil, broker.ErrClosed
	}
	if n <= 0 {
		return nil, nil
	}
	entries, err := b.commands().XRevRangeN(ctx, b.key(g), "+", "-", int64(n)).Result()
	if err != nil {
		return nil, fmt.Errorf("redisstream: read %s: %w: %w", g, broker.ErrUnavailable, err)
	}
	slices.Reverse(entries)
	return b.messages(g, entries), nil
}
