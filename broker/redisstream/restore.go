package redisstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// putBack adds what is held, at the positions that it had. If there was more before it,
// a mark comes first.
func (m *master) putBack(ctx context.Context, pipe redis.Pipeliner, r *repair) (adds []*redis.StringCmd) {
	r.tried = true
	if r.newest.IsZero() && !r.begins {
		r.front = before(r.missing[0].at)
		adds = append(adds, m.broker.add(ctx, pipe, r.work.key, r.front, beforeValues))
	}
	for _, h := range r.missing {
		values := encode(h.message)
		if h.before {
			values = beforeValues
		}
		adds = append(adds, m.broker.add(ctx, pipe, r.work.key, h.at, values))
	}
	pipe.Expire(ctx, r.work.key, m.broker.config.Limits.GroupExpiry)
	return adds
}

// addMark adds a mark behind all that this node has read, so that nothing that it has
// delivered can be added again, and behind all that others have added meanwhile. In a
// stream that does not stand still for it the place is left to Redis.
func (m *master) addMark(ctx context.Context, pipe redis.Pipeliner, r *repair) []*redis.StringCmd {
	r.marks++
	at := markAfter(r.known())
	if !r.generated.Before(at) {
		at = markAfter(r.generated)
	}
	if r.marks > 2 {
		at = broker.Position{}
	}
	add := m.broker.add(ctx, pipe, r.work.key, at, hereValues)
	pipe.Expire(ctx, r.work.key, m.broker.config.Limits.GroupExpiry)
	return []*redis.StringCmd{add}
}

// wrote takes what became of what was added; the next look shows what stands there now.
// Where Redis refuses writes altogether, and newer entries stand in the stream, the
// members need not wait for the mark.
func (m *master) wrote(r *repair) error {
	for _, add := range r.adds {
		at, ok, err := added(add)
		var refusal redis.Error
		switch {
		case errors.As(err, &refusal) && r.step == addMark && !r.generated.Before(r.known()):
			m.broker.config.Log.Error("Redis refuses the mark of a loss; who comes back to the group may not learn of it", "key", r.work.key, "error", err)
			r.step = announce
		case err != nil:
			return fmt.Errorf("redisstream: %s: %w", r.work.key, err)
		case !ok: // another node was faster; that is seen in the next round
		case r.step == addMark:
			m.broker.counts.markers.Inc()
			r.mark = at
		case at == r.front:
			m.broker.counts.markers.Inc()
		default:
			m.broker.counts.putBack.Inc()
		}
	}
	return nil
}

// postpone leaves alone a group whose repair Redis has refused to write, so that the
// others of the batch need not wait for it. One that is only looked at is looked at again
// when all are.
func (m *master) postpone(r *repair, err error) {
	b := m.broker
	b.counts.fetchErrors.Inc()
	b.config.Log.Debug("Redis refuses to have a stream repaired; it is tried again", "key", r.work.key, "error", err)
	if !r.work.ghost {
		b.follows.later(r.work.follow, r.work.moved)
	}
}
