package brokertest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// second opens a further node where the broker can have one, and otherwise is the first.
func second(t *testing.T, s Suite, one *node) *node {
	t.Helper()
	if s.Another == nil {
		return one
	}
	return open(t, s.Another, limits())
}

// lease: a node lives while it has a lease, in the eyes of every node, and no longer.
func lease(t *testing.T, s Suite) {
	one := start(t, s, limits())
	two := second(t, s, one)
	renew := func(node string, lives time.Duration, want bool) {
		t.Helper()
		if held, err := one.broker.Lease(t.Context(), node, lives); err != nil || held != want {
			t.Errorf("%s renews its lease: held %v, %v; want %v", node, held, err, want)
		}
	}
	living := func(want ...string) bool {
		t.Helper()
		got, err := two.broker.Living(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	}
	if !living() {
		t.Error("somebody lives before anybody was born")
	}
	renew("a", time.Minute, false)
	renew("b", 50*time.Millisecond, false)
	renew("c", time.Minute, false)
	renew("a", time.Minute, true)
	eventually(t, "b is dead, a and c live", func() bool { return living("a", "c") })
	renew("b", time.Minute, false)
	if !living("a", "b", "c") {
		t.Error("b has a lease again and does not live")
	}
	if err := one.broker.Resign(t.Context(), "c"); err != nil || !living("a", "b") {
		t.Errorf("c has resigned (%v) and lives", err)
	}
	if err := one.broker.Resign(t.Context(), "c"); err != nil {
		t.Errorf("resigning twice: %v", err)
	}
	renew("c", time.Minute, false)
}

// present: what nodes have marked every node reads, each in its order, page by page.
func present(t *testing.T, s Suite) {
	one := start(t, s, limits())
	two := second(t, s, one)
	other := broker.Group{Hub: "other", Name: lobby.Name}
	mark := func(n *node, name string, kept time.Duration, marks ...broker.Mark) {
		t.Helper()
		if err := n.broker.Mark(t.Context(), name, marks, kept); err != nil {
			t.Fatal(err)
		}
	}
	f := func(g broker.Group, nodes []string, after string, limit int, want ...broker.Member) {
		t.Helper()
		for _, n := range []*node{one, two} {
			if got, err := n.broker.Present(t.Context(), g, nodes, after, limit); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s on %v after %q: %v, %v; want %v", g, nodes, after, got, err, want)
			}
		}
	}
	both := []string{"a", "b"}
	f(lobby, both, "", 10)
	f(lobby, nil, "", 10)
	mark(one, "a", time.Minute)
	mark(one, "a", time.Minute,
		broker.Mark{Group: lobby, Connection: "3", User: "ann of the hill"}, broker.Mark{Group: lobby, Connection: "1"},
		broker.Mark{Group: lobby, Connection: "5", User: "ä"}, broker.Mark{Group: other, Connection: "9", User: "eve"})
	mark(two, "b", time.Minute, broker.Mark{Group: lobby, Connection: "2", User: "bob"}, broker.Mark{Group: lobby, Connection: "3", User: "ann of the hill"})
	a1, b2 := broker.Member{Node: "a", Connection: "1"}, broker.Member{Node: "b", Connection: "2", User: "bob"}
	a3, b3 := broker.Member{Node: "a", Connection: "3", User: "ann of the hill"}, broker.Member{Node: "b", Connection: "3", User: "ann of the hill"}
	a5 := broker.Member{Node: "a", Connection: "5", User: "ä"}
	f(lobby, both, "", 10, a1, b2, a3, b3, a5)
	f(lobby, both, "", 2, a1, b2)
	f(lobby, both, "", 3, a1, b2, a3, b3)
	f(lobby, both, "3", 1, a5)
	f(lobby, both, "4", 10, a5)
	f(lobby, both, "5", 10)
	f(lobby, []string{"b"}, "", 10, b2, b3)
	f(other, both, "", 10, broker.Member{Node: "a", Connection: "9", User: "eve"})

	gone := broker.Mark{Group: lobby, Connection: "3", User: "ann of the hill", Gone: true}
	mark(one, "a", time.Minute, gone, broker.Mark{Group: lobby, Connection: "7"})
	mark(one, "a", time.Minute, gone, broker.Mark{Group: lobby, Connection: "7"})
	f(lobby, both, "", 10, a1, b2, b3, a5, broker.Member{Node: "a", Connection: "7"})
	mark(two, "b", 50*time.Millisecond, broker.Mark{Group: lobby, Connection: "8"})
	eventually(t, "what b has marked is gone", func() bool {
		got, err := one.broker.Present(t.Context(), lobby, []string{"b"}, "", 10)
		return err == nil && len(got) == 0
	})
	f(lobby, both, "", 10, a1, a5, broker.Member{Node: "a", Connection: "7"})
}

// presentMany: a large group is read whole, page by page.
func presentMany(t *testing.T, s Suite) {
	const connections, page = 2500, 400
	n := start(t, s, limits())
	nodes := []string{"a", "b", "c"}
	marks := make([][]broker.Mark, len(nodes))
	for i := range connections {
		at := i % len(nodes)
		marks[at] = append(marks[at], broker.Mark{Group: lobby, Connection: fmt.Sprintf("%06d", i*7919%1_000_000), User: fmt.Sprint("user ", i)})
	}
	for i, node := range nodes {
		if err := n.broker.Mark(t.Context(), node, marks[i], time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	last, all := "", 0
	for {
		got, err := n.broker.Present(t.Context(), lobby, nodes, last, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			if m.Connection <= last {
				t.Fatalf("%s comes after %s", m.Connection, last)
			}
			last = m.Connection
		}
		if all += len(got); len(got) < page {
			break
		}
	}
	if all != connections {
		t.Errorf("%d are present, want %d", all, connections)
	}
}
