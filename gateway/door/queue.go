package door

import "time"

// queue is who waits for a place, the longest first. Most were not listened to when they
// came, since by their turn they have said what they want. It lets go of its room when it
// is empty, so that a storm does not cost its memory for ever. Not safe for concurrent use.
type queue struct {
	waiting []*guest
	first   int
	sifted  int // so many from the first are known to have said it
}

func (q *queue) len() int { return len(q.waiting) - q.first }

// add takes somebody in, who waits from now on.
func (q *queue) add(g *guest, now time.Time) {
	g.since = now
	q.waiting = append(q.waiting, g)
}

// take returns who has waited the longest.
func (q *queue) take() (*guest, bool) {
	if q.len() == 0 {
		return nil, false
	}
	g := q.waiting[q.first]
	q.waiting[q.first] = nil
	q.first++
	q.sifted = max(0, q.sifted-1)
	if q.len() == 0 {
		*q = queue{}
	}
	return g, true
}

// sift takes out the first one of whom heard does not say that it has said what it wants,
// and returns nil if there is none. Nobody is asked twice.
func (q *queue) sift(heard func(*guest) word) *guest {
	for ; q.sifted < q.len(); q.sifted++ {
		at := q.first + q.sifted
		g := q.waiting[at]
		if heard(g) == said {
			continue
		}
		// Whoever stands before it moves up: they are few, or were asked just now.
		copy(q.waiting[q.first+1:at+1], q.waiting[q.first:at])
		q.waiting[q.first] = g
		q.sifted++
		_, _ = q.take()
		return g
	}
	return nil
}

// before takes out some who have waited since before a time.
func (q *queue) before(limit time.Time, most int) (all []*guest) {
	for q.len() > 0 && len(all) < most && q.waiting[q.first].since.Before(limit) {
		g, _ := q.take()
		all = append(all, g)
	}
	return all
}

// drain takes out everybody.
func (q *queue) drain() (all []*guest) {
	for g, ok := q.take(); ok; g, ok = q.take() {
		all = append(all, g)
	}
	return all
}
