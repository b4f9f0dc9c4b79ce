package main

import (
	"testing"
	"time"
)

// tale is a made-up trial with one group and one speaker, whose n-th message stands
// at place n+1 and was said n+1 seconds after the start.
type tale struct{ Chronicle }

// newTale is a trial in which so many messages were said and acked, and the stream
// holds them all.
func newTale(messages int) *tale {
	c := &tale{Chronicle{Groups: 1, Whole: true, Spoken: [][]Utterance{nil}, Held: []map[Said]Place{{}}}}
	for n := range messages {
		u := Utterance{Said: Said{0, uint64(n)}, Fate: fateAcked, Place: at(n), Sent: second(n), Answered: second(n) + time.Millisecond}
		c.Spoken[0] = append(c.Spoken[0], u)
		c.Held[0][u.Said] = u.Place
	}
	return c
}

func at(n int) Place { return Place{Ms: uint64(n + 1)} }

func second(n int) time.Duration { return time.Duration(n+1) * time.Second }

// member adds one with this history, at home in the end.
func (c *tale) member(events ...Event) *tale {
	c.Members = append(c.Members, History{Steady: true, Home: true, Events: events})
	return c
}

// away is who is not in its group in the end.
func (c *tale) away() *tale {
	c.Members[len(c.Members)-1].Home = false
	return c
}

// rewound is a stream that has lost these messages.
func (c *tale) rewound(lost ...int) *tale {
	c.Rewinds, c.Whole = true, false
	for _, n := range lost {
		delete(c.Held[0], Said{0, uint64(n)})
	}
	return c
}

// come is a join that follows from before message n on.
func come(n int) Event {
	return Event{Kind: sawJoin, Place: Place{Ms: uint64(n)}, At: time.Millisecond}
}

func got(n int) Event {
	return Event{Kind: sawMessage, Said: Said{0, uint64(n)}, Place: at(n), At: second(n) + 5*time.Millisecond, Sent: second(n)}
}

// event is one of those that stand between messages: it follows message n in time and
// goes on from before message next on.
func event(k kind, n, next int) Event {
	return Event{Kind: k, Place: Place{Ms: uint64(next)}, At: second(n) + 500*time.Millisecond}
}

// want is what a judge has to find.
type want struct{ lost, tails, duplicated, reordered, announced, other int }

func (c *tale) judged(t *testing.T, name string, w want) {
	t.Helper()
	f := c.Judge()
	got := want{f.Lost, f.Tails, f.Duplicated, f.Reordered, f.Announced, f.Stray + f.Denied + f.Moved + f.Gone + f.Needless}
	if got != w {
		t.Errorf("%s: found %+v, want %+v: %v", name, got, w, f.Broken)
	}
	good := w.lost+w.duplicated+w.reordered+w.other == 0
	if f.Passed() != good || (len(f.Broken) == 0) != good {
		t.Errorf("%s: passed %t and broken %v, want passed %t", name, f.Passed(), f.Broken, good)
	}
}

func TestOracleStays(t *testing.T) {
	t.Parallel()
	newTale(3).member(come(0), got(0), got(1), got(2)).judged(t, "everything came", want{})
	newTale(3).member(come(1), got(1), got(2)).judged(t, "it came later", want{})
	newTale(3).member(come(0), got(0), got(2)).judged(t, "a hole", want{lost: 1})
	newTale(3).member(come(0), got(1), got(2)).judged(t, "a hole at the start", want{lost: 1})
	newTale(3).member(come(0), got(0)).judged(t, "a missing tail", want{lost: 2, tails: 2})
	newTale(3).member(come(0)).judged(t, "nothing came", want{lost: 3, tails: 3})
	newTale(3).member(come(0), got(0)).away().judged(t, "it left before the rest", want{})
	newTale(3).member(come(0), got(0), got(2)).away().judged(t, "a hole before it left", want{lost: 1})
	newTale(3).member(come(0), got(0), got(1), got(1), got(2)).judged(t, "twice", want{duplicated: 1})
	newTale(3).member(come(0), got(1), got(0), got(2)).judged(t, "in the wrong order", want{reordered: 1})
	newTale(2).member(come(0), got(0), got(1), event(sawPart, 1, 0)).judged(t, "it parts at the end", want{})
}

func TestOracleResumes(t *testing.T) {
	t.Parallel()
	part, back := event(sawPart, 0, 0), event(sawResume, 1, 0)
	newTale(4).member(come(0), got(0), part, back, got(1), got(2), got(3)).judged(t, "it came back", want{})
	newTale(4).member(come(0), got(0), part, back, got(2), got(3)).judged(t, "a hole where it was away", want{lost: 1})
	newTale(4).member(come(0), got(0), got(1), part, back, got(1), got(2), got(3)).judged(t, "again what it had", want{duplicated: 1})
	newTale(4).member(come(0), got(0), part, event(sawJoin, 2, 3), got(3)).judged(t, "it came afresh", want{})
	newTale(4).member(come(0), got(0), got(1), part, event(sawJoin, 1, 1), got(1), got(2), got(3)).judged(t, "afresh at a node that was behind", want{})
	newTale(4).member(come(0), got(0), part, event(sawMissed, 2, 3), got(3)).judged(t, "told of a loss that was none", want{announced: 2, other: 1})
	newTale(4).member(come(0), got(0), part, got(1), back, got(2), got(3)).judged(t, "a message while it was away", want{lost: 1, other: 1})
}

// A stream that is too short for an absence.
func TestOracleTrimmed(t *testing.T) {
	t.Parallel()
	f := func() *tale {
		c := newTale(4)
		c.Whole = false
		delete(c.Held[0], Said{0, 0})
		delete(c.Held[0], Said{0, 1})
		return c
	}
	part, told := event(sawPart, 0, 0), event(sawMissed, 2, 3)
	f().member(come(0), got(0), part, told, got(3)).judged(t, "told", want{announced: 2})
	f().member(come(0), got(0), part, event(sawResume, 2, 0), got(3)).judged(t, "not told", want{lost: 2})
	f().member(come(0), got(0), part, event(sawMissed, 2, 1), got(3)).judged(t, "told, and skipped more", want{lost: 2})
	f().member(come(0), got(0), got(2), part, told, got(3)).judged(t, "a hole, and told of another", want{lost: 1})
}

// A stream that lost what it had acked.
func TestOracleRewound(t *testing.T) {
	t.Parallel()
	whole := []Event{come(0), got(0), got(1), got(2), got(3)}
	newTale(4).rewound(1, 2).member(whole...).judged(t, "nobody missed it", want{})
	newTale(4).rewound(1, 2).member(come(0), got(0), event(sawGap, 2, 3), got(3)).judged(t, "told", want{announced: 2})
	newTale(4).rewound(1, 2).member(come(0), got(0), got(3), event(sawGap, 3, 4)).judged(t, "told late", want{announced: 2})
	newTale(4).rewound(1, 2).member(come(0), got(0), got(3)).judged(t, "not told", want{lost: 2})
	newTale(10).rewound(8).member(come(0), got(0), got(2), got(3), got(4), got(5), got(6), got(7), got(9), event(sawGap, 9, 10)).
		judged(t, "told late, and a hole of what is there", want{lost: 1, announced: 1})
	newTale(4).rewound().member(come(0), got(0), got(1), got(3), event(sawGap, 3, 4)).judged(t, "put back in between, and told", want{announced: 1})
	newTale(4).rewound(0, 1).member(Event{Kind: sawJoin, Place: Place{}, At: second(1) + 500*time.Millisecond}, got(2), got(3)).judged(t, "lost before it came", want{})
	newTale(4).rewound(0, 1).member(event(sawGap, -1, 0), come(0), got(0), event(sawGap, 1, 2), got(2), got(3)).judged(t, "told before the join, too", want{announced: 1})
	// An earlier notice is none of a later loss.
	newTale(4).rewound(0, 2).member(come(0), event(sawGap, 0, 1), got(1), got(3)).judged(t, "told of one of two", want{lost: 1, announced: 1})
}

// What the speaker knows, and what is not so.
func TestOracleAcks(t *testing.T) {
	t.Parallel()
	c := newTale(3).member(come(0), got(0), got(2))
	c.Spoken[0][1].Fate, c.Spoken[0][1].Place = fateOpen, Place{}
	delete(c.Held[0], Said{0, 1})
	c.judged(t, "unanswered, and nowhere", want{})

	c = newTale(3).member(come(0), got(0), got(2))
	c.Spoken[0][1].Fate, c.Spoken[0][1].Place = fateOpen, Place{}
	c.judged(t, "unanswered, and in the stream", want{lost: 1})

	c = newTale(3).member(come(0), got(0), got(1), got(2)).member(come(0), got(0), got(2))
	c.Spoken[0][1].Fate, c.Spoken[0][1].Place, c.Held = fateOpen, Place{}, nil
	c.judged(t, "unanswered, and another has it", want{lost: 1})

	c = newTale(3).member(come(0), got(0), got(1), got(2)).member(come(0), got(0), got(2)).rewound(1)
	c.Spoken[0][1].Fate, c.Spoken[0][1].Place = fateOpen, Place{}
	c.judged(t, "unanswered, and lost when one had it", want{})

	c = newTale(3).member(come(0), got(0), got(1), got(2))
	c.Spoken[0][1].Fate = fateRefused
	c.judged(t, "refused, and came", want{other: 1})

	c = newTale(2).member(come(0), got(0), got(1))
	delete(c.Held[0], Said{0, 1})
	c.judged(t, "acked, and not in the stream", want{other: 1})

	c = newTale(2).member(come(0), got(0), got(1))
	c.Spoken[0][1].Place = at(7)
	c.judged(t, "acked at another place", want{other: 2})

	newTale(1).member(come(0), got(0), got(5)).judged(t, "nobody said it", want{other: 1})
}

// Ids that went back: the new stretch begins below the old one.
func TestOracleBack(t *testing.T) {
	t.Parallel()
	c := newTale(4).rewound(1, 2)
	for _, n := range []int{1, 2} {
		c.Spoken[0][n].Place.Ms += 3_600_000
	}
	future := got(1)
	future.Place.Ms += 3_600_000
	c.member(come(0), got(0), future, event(sawGap, 2, 3), got(3)).
		member(come(0), got(0), future, got(3)).
		member(come(0), got(0), future, event(sawPart, 1, 0), event(sawResume, 2, 3))
	// The second was not told, sees lower places and lacks one; the third waits for ever.
	c.judged(t, "back", want{lost: 3, tails: 2, reordered: 1, announced: 1})
}

// Ids that went back for one message, which stands below what members have seen: who
// was told that there was a loss need not get it.
func TestOracleBackForOne(t *testing.T) {
	t.Parallel()
	c := newTale(4).rewound()
	c.Rewinds = true
	for _, n := range []int{1, 3} {
		c.Spoken[0][n].Place.Ms += 3_600_000
		c.Held[0][Said{0, uint64(n)}] = c.Spoken[0][n].Place
	}
	future, later := got(1), got(3)
	future.Place.Ms += 3_600_000
	later.Place.Ms += 3_600_000
	c.member(come(0), got(0), future, event(sawGap, 2, 3_600_003), later).
		member(come(0), got(0), future, later)
	c.judged(t, "back for one", want{lost: 1, announced: 1})
}

// A notice that the group goes on from before what came: it may come again, once, in order.
func TestOracleSetBack(t *testing.T) {
	t.Parallel()
	start := []Event{come(0), got(0), got(1), got(2), event(sawGap, 2, 1)}
	c := newTale(4).rewound().member(append(start, got(1), got(2), got(3))...)
	c.judged(t, "again", want{})
	if f := c.Judge(); f.Again != 2 || f.Delivered != 4 {
		t.Errorf("%d came again, %d were delivered", f.Again, f.Delivered)
	}
	newTale(4).rewound().member(append(start, got(1), got(1), got(2), got(3))...).judged(t, "again and again", want{duplicated: 1})
	newTale(4).rewound().member(append(start, got(2), got(1), got(3))...).judged(t, "in the wrong order", want{duplicated: 1})
	newTale(4).rewound().member(append(start, got(0), got(3))...).judged(t, "from before the notice", want{duplicated: 1})
}

func TestOracleTimes(t *testing.T) {
	t.Parallel()
	c := newTale(5).member(come(0), got(0), got(1), got(4))
	c.Cured = second(2)
	f := c.Judge()
	if f.Silence != 3*time.Second || f.Recover != 2*time.Second+5*time.Millisecond {
		t.Errorf("silence %v, recovery %v", f.Silence, f.Recover)
	}
	c.Members[0].Steady = false
	if f := c.Judge(); f.Silence != 0 || f.Recover != 0 {
		t.Errorf("of who wanders: silence %v, recovery %v", f.Silence, f.Recover)
	}
}

func TestReadPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Place{"1790000000000-7": {1790000000000, 7}, "9-0": {9, 0}, "e5f:12-3": {12, 3}, "12-3.e5f": {12, 3}} {
		if p, ok := readPlace(text); !ok || p != want {
			t.Errorf("%q is %v, %t; want %v", text, p, ok, want)
		}
	}
	for _, text := range []string{"", "12", "-3", "12-", "x-3"} {
		if p, ok := readPlace(text); ok {
			t.Errorf("%q is %v", text, p)
		}
	}
	for p, want := range map[Place]Place{{5, 3}: {5, 2}, {5, 0}: {4, ^uint64(0)}, {}: {}} {
		if got := p.before(); got != want {
			t.Errorf("before %v is %v, want %v", p, got, want)
		}
	}
}
