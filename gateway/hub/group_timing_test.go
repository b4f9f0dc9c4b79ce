package hub

import (
	"fmt"
	"testing"
)

// crowd is a group of so many members.
func crowd(size int) (*Group[string, int], []*Membership[string, int]) {
	g := New[string, int]("g")
	all := make([]*Membership[string, int], size)
	for i := range all {
		all[i] = g.Join(i)
	}
	return g, all
}

// TestJoinLeaveBudget: a join costs its membership, in whatever company, and a leave
// nothing. Growing the group's slice is shared by so many joins that it is not seen.
func TestJoinLeaveBudget(t *testing.T) {
	for _, size := range []int{10, 100_000} {
		g, all := crowd(size)
		g.Join(-1).Leave() // has the room grown that the next ones use
		if got := testing.AllocsPerRun(1000, func() { g.Join(-1).Leave() }); got > 1 {
			t.Errorf("%d members: joining and leaving took %v allocations, want 1", size, got)
		}
		at := 0
		// Half of them, so that the group does not give its room back meanwhile.
		if got := testing.AllocsPerRun(size/2-1, func() { all[at].Leave(); at++ }); got > 0 {
			t.Errorf("%d members: leaving took %v allocations, want none", size, got)
		}
	}
}

// The two benchmarks say the same for both sizes if neither grows with the group:
// each works beside a crowd of 10 or 100,000, on a batch of members that come and go.
const batch = 1000

func BenchmarkJoin(b *testing.B) {
	for _, size := range []int{10, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			g, _ := crowd(size)
			come := make([]*Membership[string, int], batch)
			b.ReportAllocs()
			for b.Loop() {
				for i := range come {
					come[i] = g.Join(i)
				}
				b.StopTimer()
				for _, m := range come {
					m.Leave()
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/join")
		})
	}
}

func BenchmarkLeave(b *testing.B) {
	for _, size := range []int{10, 100_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			g, _ := crowd(size)
			gone := make([]*Membership[string, int], batch)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for i := range gone {
					gone[i] = g.Join(i)
				}
				b.StartTimer()
				for _, m := range gone {
					m.Leave()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/leave")
		})
	}
}
