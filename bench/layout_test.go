package main

import "testing"

var layouts = []Layout{
	{Connections: 1, Groups: 1},
	{Connections: 10, Groups: 3},
	{Connections: 1000, Groups: 100},
	{Connections: 10, Groups: 3, Publishers: 1},
	{Connections: 10, Groups: 3, Publishers: 5},
	{Connections: 7, Groups: 7, Publishers: 2},
}

// What is said to each group adds up to what its members hear.
func TestLayoutSizes(t *testing.T) {
	for _, l := range layouts {
		members := make([]int, l.Groups)
		for id := range l.Total() {
			if g := l.Group(id); g >= 0 {
				members[g]++
			}
		}
		for g, n := range members {
			if l.Size(g) != n {
				t.Errorf("%+v: group %d has %d members, Size says %d", l, g, n, l.Size(g))
			}
		}
	}
}

// Every turn has its own place in a series without holes, and leads back.
func TestLayoutTurns(t *testing.T) {
	const turns = 50
	type series struct{ group, slot int }
	for _, l := range layouts {
		seen := map[series]*Sequence{}
		for i := range l.Senders() {
			id := l.Sender(i)
			for g := range l.Groups {
				slot := i
				if l.Publishers == 0 {
					slot = i / l.Groups
				}
				if l.Publishers > 0 || i%l.Groups == g {
					checkPublished(t, l, id, g, slot)
				}
			}
			for turn := range uint64(turns) {
				group, slot, seq := l.Target(id, turn)
				if slot < 0 || slot >= l.Slots(group) {
					t.Fatalf("%+v: slot %d of %d", l, slot, l.Slots(group))
				}
				s := seen[series{group, slot}]
				if s == nil {
					s = &Sequence{}
					seen[series{group, slot}] = s
				}
				if got := s.Observe(seq); got != InOrder {
					t.Fatalf("%+v: connection %d turn %d: arrival %d, want in order", l, id, turn, got)
				}
				if gotID, gotTurn := l.Turn(group, slot, seq); gotID != id || gotTurn != turn {
					t.Fatalf("%+v: connection %d turn %d leads back to %d, %d", l, id, turn, gotID, gotTurn)
				}
			}
		}
	}
}

// checkPublished counts what a publisher says to one group, turn by turn.
func checkPublished(t *testing.T, l Layout, id, group, slot int) {
	t.Helper()
	var said uint64
	for turn := range uint64(30) {
		if got := l.Published(group, slot, turn); got != said {
			t.Fatalf("%+v: connection %d has said %d to group %d after %d turns, Published says %d", l, id, said, group, turn, got)
		}
		if g, s, _ := l.Target(id, turn); g == group && s == slot {
			said++
		}
	}
}

func TestLayoutTarget(t *testing.T) {
	f := func(l Layout, id int, turn uint64, group, slot int, seq uint64) {
		t.Helper()
		g, s, n := l.Target(id, turn)
		if g != group || s != slot || n != seq {
			t.Errorf("%+v: connection %d turn %d publishes (%d, %d, %d), want (%d, %d, %d)",
				l, id, turn, g, s, n, group, slot, seq)
		}
	}
	members := Layout{Connections: 1000, Groups: 100}
	f(members, 0, 0, 0, 0, 0)
	f(members, 101, 4, 1, 1, 4)
	f(members, 999, 0, 99, 9, 0)
	own := Layout{Connections: 10, Groups: 4, Publishers: 2}
	f(own, 10, 0, 0, 0, 0)
	f(own, 10, 5, 1, 0, 1)
	f(own, 11, 0, 1, 1, 0)
	f(own, 11, 3, 0, 1, 0)
}
