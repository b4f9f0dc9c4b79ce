package hub

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestGroup(t *testing.T) {
	g := New[string, int]("g")
	a, b := g.Join(1), g.Join(2)
	if got := len(g.Members()); got != 2 {
		t.Fatalf("%d members, want 2", got)
	}
	if !a.Leave() || a.Leave() {
		t.Fatal("a membership does not end once")
	}
	if m := g.Members(); len(m) != 1 || m[0] != b || m[0].Member != 2 || m[0].Group.Topic != "g" {
		t.Fatalf("after leaving: %v, want only member 2", m)
	}
	b.Leave()
	if len(g.Members()) != 0 {
		t.Fatal("the last member stayed")
	}
	if (*Group[string, int])(nil).Members() != nil {
		t.Fatal("no group has members")
	}
}

// TestGroupAgainstSet joins and leaves at random beside a plain set.
func TestGroupAgainstSet(t *testing.T) {
	g := New[string, int]("g")
	in := map[int]*Membership[string, int]{}
	for range 20_000 {
		n := rand.IntN(300)
		if m := in[n]; m != nil {
			m.Leave()
			delete(in, n)
		} else {
			in[n] = g.Join(n)
		}
		if len(g.Members()) != len(in) {
			t.Fatalf("%d members, want %d", len(g.Members()), len(in))
		}
	}
	for _, m := range g.Members() {
		if in[m.Member] != m {
			t.Fatalf("member %d is not the one that joined", m.Member)
		}
	}
}

func TestGroupGivesRoomBack(t *testing.T) {
	g := New[string, int]("g")
	all := make([]*Membership[string, int], 10_000)
	for i := range all {
		all[i] = g.Join(i)
	}
	for _, m := range all[:9_990] {
		m.Leave()
	}
	if c := cap(g.Members()); c > 128 {
		t.Fatalf("10 members hold room for %d", c)
	}
}

func BenchmarkJoinLeave(b *testing.B) {
	for _, size := range []int{10, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			g := New[string, int]("g")
			for i := range size {
				g.Join(i)
			}
			b.ReportAllocs()
			for b.Loop() {
				g.Join(-1).Leave()
			}
		})
	}
}
