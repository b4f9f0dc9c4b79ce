package redisstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// repair is for a group whose stream does not hold the entry that was read of it last.
// Trimming cuts only the old end: if newer entries pushed it out, they are there. If an
// older entry survives, or none at all, then the stream's history was lost. What this
// node still holds of it is put back, if nobody has added anything meanwhile; otherwise
// a mark is added, so that whoever reads on, or comes back to any node, learns of it.
type repair struct {
	work   *work
	held   []held // what was read up to work.last, and is still known
	begins bool   // held begins where the stream began

	// What was written in this round.
	step step
	adds []*redis.StringCmd

	// What was written before.
	tried bool            // to put back what is held
	front broker.Position // of what was put back first into a stream that was gone; zero: none
	marks int             // how often a mark was tried to be added
	mark  broker.Position // that was added; zero: none

	// What look found.
	absent    bool // there is no stream
	info      *redis.XInfoStream
	generated broker.Position  // nothing can be added at or before it
	entries   []redis.XMessage // from the oldest that is held, or from the last known
	common    int              // index in held of the newest that is still there, or -1
	strange   bool             // entries stand among those held that are not
	rest      []redis.XMessage // what comes after the common one
}

// step is what is to be done about a repair.
type step int

const (
	goOn     step = iota // the stream is whole
	forget               // the group has expired
	skip                 // entries were trimmed before this node came to read them
	putBack              // what is held can be added again
	addMark              // the loss must be marked
	announce             // the loss is marked
)

// repairRounds is how often streams are looked at again, since others may write to them
// at the same time.
const repairRounds = 6

// repairAll settles the groups of a batch that could not be verified. An error means
// that some are not, and are to be read again.
func (m *master) repairAll(all []*repair) error {
	for round := 0; len(all) > 0; round++ {
		if round == repairRounds {
			return errors.New("redisstream: streams change too fast to be repaired")
		}
		ctx, cancel := context.WithTimeout(m.ctx, timeout)
		left, err := m.repairRound(ctx, all)
		cancel()
		if err != nil {
			return err
		}
		all = left
	}
	return nil
}

// repairRound looks at all of them, settles those that are clear, and writes for the
// others; it returns those.
func (m *master) repairRound(ctx context.Context, all []*repair) (left []*repair, err error) {
	if err := m.look(ctx, all); err != nil {
		return nil, err
	}
	pipe := m.client.Pipeline()
	for _, r := range all {
		switch r.step = r.next(m.broker.config.Limits.GroupExpiry); r.step {
		case putBack:
			r.adds = m.putBack(ctx, pipe, r)
		case addMark:
			r.adds = m.addMark(ctx, pipe, r)
		default:
			m.settle(r)
		}
	}
	if pipe.Len() == 0 {
		return nil, nil
	}
	_, _ = m.exec(ctx, pipe) // each command has its own error
	for _, r := range all {
		if r.step != putBack && r.step != addMark {
			continue
		}
		if e := m.wrote(r); e != nil {
			err = e
		} else if r.step == announce {
			m.settle(r)
		} else {
			left = append(left, r)
		}
	}
	return left, err
}

// look asks what the streams have.
func (m *master) look(ctx context.Context, all []*repair) error {
	pipe := m.client.Pipeline()
	infos, pages := make([]*redis.XInfoStreamCmd, len(all)), make([]*redis.XMessageSliceCmd, len(all))
	for i, r := range all {
		from := r.work.last
		if len(r.held) > 0 {
			from = r.held[0].at
		}
		infos[i] = pipe.XInfoStream(ctx, r.work.key)
		pages[i] = pipe.XRangeN(ctx, r.work.key, from.String(), "+", int64(len(r.held))+m.broker.page())
	}
	_, _ = m.exec(ctx, pipe)
	for i, r := range all {
		var err error
		r.info, err = infos[i].Result()
		if r.absent = redis.HasErrorPrefix(err, "no such key"); err != nil && !r.absent {
			return err
		}
		if r.entries, err = pages[i].Result(); err != nil {
			return err
		}
		r.generated = broker.Position{}
		if !r.absent {
			if r.generated, err = broker.ParsePosition(r.info.LastGeneratedID); err != nil {
				return err
			}
		}
		r.compare()
	}
	return nil
}

// compare finds the newest entry that both this node and the stream have.
func (r *repair) compare() {
	r.common, r.strange, r.rest = -1, false, r.entries
	from, strange := 0, false
	for i, e := range r.entries {
		at, err := broker.ParsePosition(e.ID)
		if err != nil {
			continue // Redis makes no such ids
		}
		n, found := slices.BinarySearchFunc(r.held[from:], at, func(h held, p broker.Position) int { return h.at.Compare(p) })
		from += n
		if !found {
			strange = true
			continue
		}
		r.common, r.rest, r.strange = from, r.entries[i+1:], strange
	}
}

// next is what is to be done after a look.
func (r *repair) next(expiry time.Duration) step {
	switch {
	case r.work.last.IsZero():
		// Opened when there was nothing: only trimming can have taken something.
		if r.absent || r.info.EntriesAdded == r.info.Length {
			return goOn
		}
		return skip
	case r.expired(expiry * 8 / 10): // which is not set with every message
		return forget
	case r.whole():
		return goOn
	case r.trimmed():
		return skip
	case !r.tried && r.restorable():
		return putBack
	case (r.marked() || !r.mark.IsZero()) && !r.generated.Before(r.work.last):
		return announce
	}
	return addMark
}

// expired reports whether the group was to be forgotten: nobody has spoken in it for so
// long, or nobody had until it was begun anew.
func (r *repair) expired(silence time.Duration) bool {
	last := time.UnixMilli(int64(r.work.last.Ms))
	if r.absent {
		return time.Since(last) >= silence
	}
	first, err := broker.ParsePosition(r.info.FirstEntry.ID)
	return err == nil && r.info.EntriesAdded == r.info.Length && time.UnixMilli(int64(first.Ms)).Sub(last) >= silence
}

// whole reports whether all that was read and is held is in the stream, and nothing else
// among it.
func (r *repair) whole() bool {
	if r.common < 0 || r.strange || len(r.lost()) > 0 {
		return false
	}
	return r.front.IsZero() || r.info.FirstEntry.ID == r.front.String()
}

// lost is what is held and not in the stream any more. Entries that were not fit to be
// sent are no loss.
func (r *repair) lost() []held {
	return slices.DeleteFunc(slices.Clone(r.held[r.common+1:]), func(h held) bool { return h.message == nil })
}

// trimmed reports whether the last known entry may have been pushed out by those that
// came after it.
func (r *repair) trimmed() bool {
	if r.absent || r.common >= 0 || r.marked() || r.info.Length == 0 || r.info.EntriesAdded == r.info.Length {
		return false
	}
	first, err := broker.ParsePosition(r.info.FirstEntry.ID)
	return err == nil && r.work.last.Before(first)
}

// restorable reports whether the stream ends where what is held goes on.
func (r *repair) restorable() bool {
	lost := r.lost()
	return len(lost) > 0 && len(r.rest) == 0 && r.generated.Before(lost[0].at) && (r.absent || r.common >= 0)
}

// marked reports whether the loss is marked already, by this node or another.
func (r *repair) marked() bool { return slices.ContainsFunc(r.rest, isMark) }

// putBack adds what is held, at the positions that it had. If there was more before it,
// a mark comes first.
func (m *master) putBack(ctx context.Context, pipe redis.Pipeliner, r *repair) (adds []*redis.StringCmd) {
	r.tried = true
	lost := r.lost()
	if r.common < 0 {
		r.front = lost[0].at
		if !r.begins {
			r.front = before(r.front)
			adds = append(adds, m.broker.add(ctx, pipe, r.work.key, r.front, markValues))
		}
	}
	for _, h := range lost {
		adds = append(adds, m.broker.add(ctx, pipe, r.work.key, h.at, encode(h.message)))
	}
	pipe.Expire(ctx, r.work.key, m.broker.config.Limits.GroupExpiry)
	return adds
}

// addMark adds a mark behind all that this node has read, so that nothing that it has
// delivered can be added again, and behind all that others have added meanwhile. In a
// stream that does not stand still for it the place is left to Redis.
func (m *master) addMark(ctx context.Context, pipe redis.Pipeliner, r *repair) []*redis.StringCmd {
	r.marks++
	at := markAfter(r.work.last)
	if !r.generated.Before(at) {
		at = markAfter(r.generated)
	}
	if r.marks > 2 {
		at = broker.Position{}
	}
	add := m.broker.add(ctx, pipe, r.work.key, at, markValues)
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
		case errors.As(err, &refusal) && r.step == addMark && !r.generated.Before(r.work.last):
			m.broker.config.Log.Error("Redis refuses the mark of a loss; who comes back to the group may not learn of it", "key", r.work.key, "error", err)
			r.step = announce
		case err != nil:
			return fmt.Errorf("redisstream: %s: %w", r.work.key, err)
		case !ok: // another node was faster; that is seen in the next round
		case r.step == addMark:
			m.broker.counts.markers.Inc()
			r.mark = at
		case at == r.front && !r.begins:
			m.broker.counts.markers.Inc()
		default:
			m.broker.counts.putBack.Inc()
		}
	}
	return nil
}
