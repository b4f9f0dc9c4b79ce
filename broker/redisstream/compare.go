package redisstream

import (
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// from is where a repair's page begins.
func (r *repair) from() broker.Position {
	switch {
	case len(r.held) > 0:
		return r.held[0].at
	case r.work.ghost && len(r.said) > 0:
		return r.said[0].at
	}
	return r.work.last
}

// content is what a stream has, by position.
type content map[broker.Position]found

// found is an entry and where it stands in the page; -1: before it.
type found struct {
	entry redis.XMessage
	index int
}

// has reports whether an entry is there. Two servers that both took writes may have given
// one position to two messages.
func (c content) has(h held) bool {
	f, ok := c[h.at]
	switch {
	case !ok || h.message == nil:
		return ok
	case h.message.Lost:
		return isMark(f.entry)
	}
	data, _ := f.entry.Values[fieldData].(string)
	return data == string(h.message.Data)
}

// compare finds what both this node and the stream have, and what only the node has.
func (r *repair) compare() {
	there := make(content, len(r.page))
	for _, e := range r.before {
		if at, err := broker.ParsePosition(e.ID); err == nil {
			there[at] = found{e, -1}
		}
	}
	r.end = broker.Position{}
	for i, e := range r.page {
		if at, err := broker.ParsePosition(e.ID); err == nil { // Redis makes no other ids
			there[at], r.end = found{e, i}, at
		}
	}
	r.common, r.newest, r.missing = -1, broker.Position{}, nil
	r.rest = r.page
	for i, h := range r.held {
		if there.has(h) {
			r.common, r.rest = i, r.page[there[h.at].index+1:]
		}
	}
	r.missing = r.holes(there)
	r.strange = !r.work.ghost && r.common >= 0 && r.between(len(r.page)-len(r.rest), there)
	for _, h := range append(slices.Clone(r.held[r.common+1:]), r.said...) {
		if !there.has(h) && h.message != nil && !r.beyond(h.at) {
			r.missing = append(r.missing, h)
		}
	}
	slices.SortFunc(r.missing, func(a, b held) int { return a.at.Compare(b.at) })
	if r.common < 0 && len(r.held) > 0 {
		// What was acked before anything was read does not join on: the mark that comes
		// before what is put back stands for it.
		n := len(r.missing)
		r.missing = slices.DeleteFunc(r.missing, func(h held) bool { return h.at.Before(r.held[0].at) })
		r.begins = r.begins && len(r.missing) == n
	}
	for _, known := range [][]held{r.held, r.said} {
		for _, h := range known {
			if there.has(h) && r.newest.Before(h.at) {
				r.newest = h.at
			}
		}
	}
}

// holes is what this node has read, and the stream has no more, although newer entries are
// there that it has read as well: it went on in another history before it could see that.
// Trimming is not to blame if an older entry is there, or nothing was ever trimmed. What a
// mark stands for that was read behind it is told already.
func (r *repair) holes(there content) (lost []held) {
	trimmed := !r.absent && r.info.EntriesAdded != r.info.Length
	for _, h := range r.held[:r.common+1] {
		switch {
		case there.has(h):
			trimmed = false
			if h.message != nil && h.message.Lost {
				lost = lost[:0]
			}
		case h.message != nil && !trimmed:
			lost = append(lost, h)
		}
	}
	return lost
}

// between reports whether there are entries among the first of the page that this node
// has not read, although it has read on behind them: two servers took writes at
// the same time, and what one of them lost was put back behind what the other had. What a
// mark stands for that was read behind it is told already.
func (r *repair) between(first int, there content) (strange bool) {
	read := make(map[broker.Position]bool, len(r.held))
	for _, h := range r.held {
		read[h.at] = there.has(h)
	}
	for _, e := range r.page[:first] {
		at, err := broker.ParsePosition(e.ID)
		switch {
		case err != nil: // Redis makes no such ids
		case !isMark(e):
			strange = strange || !read[at]
		case read[at]:
			strange = false
		}
	}
	return strange
}

// beyond reports whether a position is not the page's to judge: it comes after it, or it
// may have been trimmed.
func (r *repair) beyond(at broker.Position) bool {
	if r.full && r.end.Before(at) {
		return true
	}
	return r.mayBeTrimmed(at)
}

// mayBeTrimmed reports whether newer entries may have pushed out the one at a position.
func (r *repair) mayBeTrimmed(at broker.Position) bool {
	if r.absent || r.info.Length == 0 || r.info.EntriesAdded == r.info.Length {
		return false
	}
	first, err := broker.ParsePosition(r.info.FirstEntry.ID)
	return err == nil && at.Before(first)
}

// next is what is to be done after a look.
func (r *repair) next(expiry time.Duration) step {
	switch {
	case r.work.last.IsZero() && len(r.missing) == 0:
		// Opened when there was nothing: only trimming can have taken something.
		if r.absent || r.info.EntriesAdded == r.info.Length {
			return goOn
		}
		return skip
	case r.expired(expiry * 8 / 10): // which is not set with every message
		return forget
	case r.whole():
		return goOn
	case r.common < 0 && len(r.missing) == 0 && !r.marked() && r.mayBeTrimmed(r.work.last):
		return skip
	case !r.tried && r.restorable():
		return putBack
	case (r.marked() || !r.mark.IsZero()) && !r.generated.Before(r.known()):
		return announce
	}
	return addMark
}

// expired reports whether the group was to be forgotten: nobody has spoken in it for so
// long, or nobody had until it was begun anew.
func (r *repair) expired(silence time.Duration) bool {
	last := time.UnixMilli(int64(r.known().Ms))
	if r.absent {
		return time.Since(last) >= silence
	}
	first, err := broker.ParsePosition(r.info.FirstEntry.ID)
	return err == nil && r.info.EntriesAdded == r.info.Length && time.UnixMilli(int64(first.Ms)).Sub(last) >= silence
}

// known is the newest position that this node knows to have been given.
func (r *repair) known() broker.Position {
	known := r.work.last
	if n := len(r.missing); n > 0 && known.Before(r.missing[n-1].at) {
		known = r.missing[n-1].at
	}
	return known
}

// whole reports whether all that is known is in the stream, and nothing else among it. Entries that were not fit to
// be sent are no loss.
func (r *repair) whole() bool {
	return len(r.missing) == 0 && !r.strange && (r.common >= 0 || r.work.ghost || r.work.last.IsZero())
}

// restorable reports whether the stream ends where what is missing goes on, and whatever
// is added from now on comes behind that: with a server whose clock is behind it might
// come between. Who has not read the group does not know what others have said there, and
// puts nothing back.
func (r *repair) restorable() bool {
	if len(r.missing) == 0 || len(r.held) == 0 || r.held[len(r.held)-1].message == nil || r.now.UnixMilli() <= int64(r.known().Ms) {
		return false
	}
	if r.work.ghost && r.work.last.Before(r.missing[len(r.missing)-1].at) {
		return false
	}
	first := r.missing[0].at
	return r.newest.Before(first) && r.generated.Before(first)
}

// marked reports whether the loss is marked already, by this node or another, where those
// who read on come by.
func (r *repair) marked() bool {
	return slices.ContainsFunc(r.page, func(e redis.XMessage) bool {
		at, err := broker.ParsePosition(e.ID)
		return err == nil && isMark(e) && e.Values[fieldLost] != lostBefore && r.behind().Before(at)
	})
}

// behind is the position behind which a mark stands for all that is missing.
func (r *repair) behind() broker.Position {
	switch {
	case len(r.missing) > 0:
		return r.missing[len(r.missing)-1].at
	case r.common >= 0:
		return r.held[r.common].at
	}
	return before(r.from())
}

// unsettled is how long a server may take to lose what it has acked: it was not on its
// disk, or not on its replica.
const unsettled = 10 * time.Second

// judged is what of the acked entries need not be looked for again: it is lost, or it is
// there and this node has read it or, in a group that it does not read, for long enough.
func (r *repair) judged() []held {
	return slices.DeleteFunc(slices.Clone(r.said), func(h held) bool {
		switch {
		case r.full && r.end.Before(h.at):
			return true
		case r.step != goOn:
			return false
		case r.work.ghost:
			return r.now.Sub(time.UnixMilli(int64(h.at.Ms))) < unsettled
		}
		return r.work.last.Before(h.at)
	})
}
