package redisstream

import (
	"context"
	"math"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// fieldLost marks an entry that is no message but says that what stood before it in
// the stream was lost. Every node reads it in its place, and so does who comes back.
const fieldLost = "lost"

// A mark is added behind what is there, where everyone who reads on comes by. The mark
// before what was put back is for those who come back: who was there has passed its place.
const (
	lostHere   = "here"
	lostBefore = "before"
)

var (
	hereValues   = []any{fieldLost, lostHere}
	beforeValues = []any{fieldLost, lostBefore}
)

// markStep is how far behind an entry a mark stands, within the same millisecond: no
// message comes there.
const markStep = 1 << 32

// markAfter is where a mark goes behind an entry. It is not left to Redis: nodes that
// have seen the same choose the same, and all but one of them are refused; and positions
// go on rising even if the server's clock has gone back.
func markAfter(p broker.Position) broker.Position {
	return broker.Position{Ms: p.Ms, Seq: p.Seq + markStep}
}

// before is the position just before p.
func before(p broker.Position) broker.Position {
	if p.Seq > 0 {
		return broker.Position{Ms: p.Ms, Seq: p.Seq - 1}
	}
	return broker.Position{Ms: p.Ms - 1, Seq: math.MaxUint64}
}

// add appends an entry at a position; the zero one leaves it to Redis.
func (b *Broker) add(ctx context.Context, pipe redis.Pipeliner, key string, at broker.Position, values []any) *redis.StringCmd {
	id := "*"
	if !at.IsZero() {
		id = at.String()
	}
	return pipe.XAdd(ctx, &redis.XAddArgs{Stream: key, ID: id, MaxLen: int64(b.config.Limits.Capacity), Approx: true, Values: values})
}

// added tells apart, for an entry that was to be added at a position, that it was
// added, that the stream has come further already, and an error.
func added(c *redis.StringCmd) (at broker.Position, ok bool, err error) {
	id, err := c.Result()
	if err == nil {
		at, err = broker.ParsePosition(id)
		return at, err == nil, err
	}
	if strings.Contains(err.Error(), "equal or smaller") {
		return broker.Position{}, false, nil
	}
	return broker.Position{}, false, err
}

// isMark reports whether an entry is a mark of a loss.
func isMark(e redis.XMessage) bool {
	_, data := e.Values[fieldData]
	_, lost := e.Values[fieldLost]
	return lost && !data
}
