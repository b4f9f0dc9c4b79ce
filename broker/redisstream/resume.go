package redisstream

import (
	"context"
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/broker"
)

// Resume looks whether the entry at the position is still there: trimming cuts only
// the old end, so what came after it is there, too.
func (b *Broker) Resume(ctx context.Context, g broker.Group, since broker.Position) (whole bool, err error) {
	if b.closed.Load() {
		return false, broker.ErrClosed
	}
	entries, err := b.commands().XRangeN(ctx, b.key(g), since.String(), "+", 1).Result()
	if err != nil {
		return false, fmt.Errorf("redisstream: resume %s: %w: %w", g, broker.ErrUnavailable, err)
	}
	return len(entries) > 0 && entries[0].ID == since.String(), nil
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
