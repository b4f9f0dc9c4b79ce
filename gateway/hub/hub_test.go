package hub

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestHub(t *testing.T) {
	h := New[string, int]()
	a, b := h.Join("g", 1), h.Join("g", 2)
	other := h.Join("h", 1)
	if got := len(h.Members("g")); got != 2 {
		t.Fatalf("members of g: %d, want 2", got)
	}
	h.Leave(a)
	h.Leave(a)
	if m := h.Members("g"); len(m) != 1 || m[0] != b || m[0].Member != 2 {
		t.Fatalf("after leaving: %v, want only member 2", m)
	}
	h.Leave(b)
	if h.Members("g") != nil || h.Groups() != 1 {
		t.Fatalf("an empty group stayed: %d groups", h.Groups())
	}
	h.Leave(other)
	if h.Groups() != 0 {
		t.Fatalf("%d groups stayed", h.Groups())
	}
}

// TestHubAgainstSet joins and leaves at random beside a plain set.
func TestHubAgainstSet(t *testing.T) {
	h := New[string, int]()
	in := map[int]*Membership[string, int]{}
	for range 20_000 {
		n := rand.IntN(300)
		if m := in[n]; m != nil {
			h.Leave(m)
			delete(in, n)
		} else {
			in[n] = h.Join("g", n)
		}
		if len(h.Members("g")) != len(in) {
			t.Fatalf("%d members, want %d", len(h.Members("g")), len(in))
		}
	}
	for _, m := range h.Members("g") {
		if in[m.Member] != m {
			t.Fatalf("member %d is not the one that joined", m.Member)
		}
	}
}

func TestHubGivesRoomBack(t *testing.T) {
	h := New[string, int]()
	all := make([]*Membership[string, int], 10_000)
	for i := range all {
		all[i] = h.Join("g", i)
	}
	for _, m := range all[:9_990] {
		h.Leave(m)
	}
	if c := cap(h.Members("g")); c > 128 {
		t.Fatalf("10 members hold room for %d", c)
	}
}

func BenchmarkJoinLeave(b *testing.B) {
	for _, size := range []int{10, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			h := New[string, int]()
			for i := range size {
				h.Join("g", i)
			}
			b.ReportAllocs()
			for b.Loop() {
				h.Leave(h.Join("g", -1))
			}
		})
	}
}
