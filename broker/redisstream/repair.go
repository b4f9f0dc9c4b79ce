package redisstream

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// repair is for a group whose stream does not hold what this node has read of it, or what
// was acked to it. Trimming cuts only the old end: if newer entries pushed it out, they are
// there. If an older entry survives, or none at all, then the stream's history was lost.
// What this node still holds of it is put back, if nobody has added anything meanwhile;
// otherwise a mark is added, so that whoever reads on, or comes back to any node, learns
// of it.
type repair struct {
	work   *work
	held   []held // what was read up to work.last, and is still known: that at least, and perhaps not what it said
	begins bool   // held begins where the stream began
	said   []held // what was acked to this node and not read by it

	// What was written in this round.
	step step
	adds []*redis.StringCmd

	// What was written before.
	tried bool            // to put back what is held
	front broker.Position // of the mark before what was put back; zero: none
	marks int             // how often a mark was tried to be added
	mark  broker.Position // that was added; zero: none

	// What look found.
	now       time.Time // by Redis's clock; zero if it does not say
	absent    bool      // there is no stream
	info      *redis.XInfoStream
	generated broker.Position           // nothing can be added at or before it
	page      []redis.XMessage          // from the oldest that was read or, where none was, acked
	older     []*redis.XMessageSliceCmd // for what was acked before that
	before    []redis.XMessage          // of that, what is there
	full      bool                      // there may be more behind it
	common    int                       // index in held of the newest that is there, or -1
	rest      []redis.XMessage          // what comes after the common one
	missing   []held                    // what is known and not there
	strange   bool                      // entries stand among those that were read that were not
	newest    broker.Position           // the newest that is known and there
	end       broker.Position           // of the page
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
	if all, err = m.look(ctx, all); err != nil {
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
		var refusal redis.Error
		switch e := m.wrote(r); {
		case errors.As(e, &refusal):
			m.postpone(r, e)
		case e != nil:
			err = e
		case r.step == announce:
			m.settle(r)
		default:
			left = append(left, r)
		}
	}
	return left, err
}

// look asks what the streams have, and returns those that there is an answer for. A key
// that is no stream is its own group's fault only.
func (m *master) look(ctx context.Context, all []*repair) (seen []*repair, err error) {
	pipe := m.client.Pipeline()
	clock := pipe.Time(ctx)
	infos, pages := make([]*redis.XInfoStreamCmd, len(all)), make([]*redis.XMessageSliceCmd, len(all))
	size := func(r *repair) int64 { return int64(len(r.held)+len(r.said)) + m.broker.page() }
	for i, r := range all {
		infos[i] = pipe.XInfoStream(ctx, r.work.key)
		from := r.from()
		pages[i] = pipe.XRangeN(ctx, r.work.key, from.String(), "+", size(r))
		r.older = r.older[:0]
		for _, h := range r.said {
			if h.at.Before(from) {
				r.older = append(r.older, pipe.XRangeN(ctx, r.work.key, h.at.String(), h.at.String(), 1))
			}
		}
	}
	_, _ = m.exec(ctx, pipe)
	for i, r := range all {
		r.now = clock.Val()
		err := r.answered(infos[i], pages[i])
		if redis.HasErrorPrefix(err, "WRONGTYPE") {
			_ = m.broker.blame(r.work, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		r.full = int64(len(r.page)) == size(r)
		r.compare()
		seen = append(seen, r)
	}
	return seen, nil
}

// answered takes what look has asked about one stream.
func (r *repair) answered(info *redis.XInfoStreamCmd, page *redis.XMessageSliceCmd) (err error) {
	r.generated = broker.Position{}
	r.info, err = info.Result()
	if r.absent = redis.HasErrorPrefix(err, "no such key"); err != nil && !r.absent {
		return err
	}
	if r.page, err = page.Result(); err != nil {
		return err
	}
	if r.before, err = gather(r.older); err != nil || r.absent {
		return err
	}
	r.generated, err = broker.ParsePosition(r.info.LastGeneratedID)
	return err
}

// gather is what several reads of single entries have brought.
func gather(reads []*redis.XMessageSliceCmd) (all []redis.XMessage, err error) {
	for _, read := range reads {
		entries, err := read.Result()
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}
