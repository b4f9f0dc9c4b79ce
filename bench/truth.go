package main

import (
	"slices"
	"time"
)

// truth is one message of which it is certain that its group's stream had it.
type truth struct {
	Said
	Place    Place
	Sent     time.Duration
	Answered time.Duration // 0: unanswered
	Kept     bool          // nothing can have taken it from the stream but trimming
	fate     fate
	seen     bool // by a member, or in the stream
}

// truths are those of one group in the stream's order, and what is wrong with
// them whoever listens.
type truths struct {
	known  map[Said]*truth // what was said at all
	list   []truth         // what the stream had, in its order
	denied int             // said to be refused, and yet they came
	moved  int             // seen at another place than before
	gone   int             // acked, and the stream does not have them although nothing took them
}

// truthsOf takes together what speakers, members and the stream itself say of one
// group. What a stream lost before anybody was told that it had it, and without an
// ack, was never promised.
func (c *Chronicle) truthsOf(group int) *truths {
	known := make(map[Said]*truth, len(c.Spoken[group]))
	t := &truths{known: known}
	for _, u := range c.Spoken[group] {
		known[u.Said] = &truth{Said: u.Said, Place: u.Place, Sent: u.Sent, Answered: u.Answered, fate: u.Fate}
	}
	for _, h := range c.Members {
		for _, e := range h.Events {
			if e.Group == group && e.Kind == sawMessage {
				t.note(e.Said, e.Place)
			}
		}
	}
	if c.Held != nil {
		for s, p := range c.Held[group] {
			if m := t.note(s, p); m != nil {
				m.Kept = true
			}
		}
	}
	for _, m := range known {
		t.take(m, c)
	}
	slices.SortFunc(t.list, func(a, b truth) int { return a.Place.compare(b.Place) })
	return t
}

// note takes down that a message was seen at a place. It returns nil for one that
// nobody said.
func (t *truths) note(s Said, p Place) *truth {
	m := t.known[s]
	switch {
	case m == nil:
		return nil
	case m.Place == Place{}:
		m.Place = p
	case m.Place != p:
		t.moved++
	}
	m.seen = true
	return m
}

// take judges one message and keeps it if the stream had it.
func (t *truths) take(m *truth, c *Chronicle) {
	switch {
	case m.fate == fateRefused && m.seen:
		t.denied++
	case m.fate == fateAcked && c.Whole && c.Held != nil && !m.Kept:
		t.gone++
	}
	m.Kept = m.Kept || !c.Rewinds
	if m.fate == fateAcked || m.seen && m.Kept {
		t.list = append(t.list, *m)
	}
}

// between are the indices of those after place from up to place to.
func (t *truths) between(from, to Place) (first, end int) {
	after := func(p Place) int {
		i, found := slices.BinarySearchFunc(t.list, p, func(m truth, p Place) int { return m.Place.compare(p) })
		if found {
			i++
		}
		return i
	}
	return after(from), after(to)
}

// settled is when a message that a member saw was surely in the stream.
func (t *truths) settled(e Event) time.Duration {
	if m := t.known[e.Said]; m != nil && m.Answered > 0 {
		return min(m.Answered, e.At)
	}
	return e.At
}
