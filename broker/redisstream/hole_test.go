package redisstream

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
)

// TestHole: a stream loses its last entries and gets another in the same moment, so that the
// nodes read on and see nothing. They find out when they look for what they hold, say so,
// and leave a mark for those who come back.
func TestHole(t *testing.T) {
	p := newPair(t)
	p.say(10)
	dump := p.dump()
	p.say(5)
	text := strconv.Itoa(p.said)
	p.fork(dump, "*", text)
	for i, r := range p.readers {
		eventually(t, fmt.Sprintf("node %d reads on", i), func() bool { return slices.Contains(r.texts(), text) })
	}
	p.said++
	look := func() {
		for _, b := range p.nodes {
			b.follows.sweep(b.follows.all())
		}
	}
	look()
	p.told()
	p.say(1)
	p.once()
	look()
	p.say(5)
	p.once()
	p.toldOnce()
	p.whole("9", p.at(9), false)
	p.whole("15", p.at(15), false)
	p.whole("16", p.at(16), true)
}

// TestSamePosition: two servers have given one position to two messages, and the one that
// the nodes have read is not the one that stays. They tell of it, and deliver the other.
func TestSamePosition(t *testing.T) {
	p := newPair(t)
	p.say(10)
	dump := p.dump()
	p.say(1)
	p.fork(dump, p.at(10).String(), "other")
	for _, b := range p.nodes {
		b.follows.sweep(b.follows.all())
	}
	p.told()
	p.say(1)
	p.whole("9", p.at(9), false)
	p.crossed(p.at(9), "other", "11")
}

// TestHoleTrimmed: what newer entries have pushed out of a stream is no hole.
func TestHoleTrimmed(t *testing.T) {
	p := newPair(t)
	p.say(30)
	p.redis.CLI("XTRIM", p.nodes[0].key(lobby), "MAXLEN", "5")
	for range 3 {
		for _, b := range p.nodes {
			b.follows.sweep(b.follows.all())
		}
		p.say(1)
	}
	p.once()
	if p.lost(0)+p.lost(1) != 0 || p.count(markers) != 0 {
		t.Errorf("%d and %d losses are told, %d marks were added, want none", p.lost(0), p.lost(1), p.count(markers))
	}
}
