package main

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// observe feeds numbers to a fresh Sequence and returns what it made of them.
func observe(s *Sequence, numbers []uint64) (counts [4]int) {
	for _, n := range numbers {
		counts[s.Observe(n)]++
	}
	return counts
}

// missing is what a Sequence misses below end.
func missing(s *Sequence, end uint64) []uint64 {
	var all []uint64
	s.Missing(end, func(n uint64) { all = append(all, n) })
	return all
}

func TestSequence(t *testing.T) {
	type nums = []uint64
	f := func(in nums, end uint64, duplicated, reordered int, lost nums) {
		t.Helper()
		var s Sequence
		got := observe(&s, in)
		if got[Duplicated] != duplicated || got[Reordered] != reordered {
			t.Errorf("%v: %d duplicated and %d reordered, want %d and %d",
				in, got[Duplicated], got[Reordered], duplicated, reordered)
		}
		if m := missing(&s, end); !slices.Equal(m, lost) {
			t.Errorf("%v: missing %v, want %v", in, m, lost)
		}
	}
	f(nil, 0, 0, 0, nil)
	f(nil, 3, 0, 0, nums{0, 1, 2})
	f(nums{0, 1, 2}, 3, 0, 0, nil)
	f(nums{0, 1, 2}, 5, 0, 0, nums{3, 4}) // the tail is lost too
	f(nums{0, 2}, 3, 0, 0, nums{1})
	f(nums{2}, 3, 0, 0, nums{0, 1})
	f(nums{0, 0}, 1, 1, 0, nil)
	f(nums{0, 1, 2, 0, 1}, 3, 2, 0, nil)
	f(nums{0, 2, 1}, 3, 0, 1, nil)
	f(nums{0, 2, 1, 1}, 3, 1, 1, nil)
	f(nums{3, 2, 1, 0}, 4, 0, 3, nil)
	f(nums{5, 1, 3}, 6, 0, 2, nums{0, 2, 4})
	f(nums{5, 0, 4, 2}, 6, 0, 3, nums{1, 3})
	f(nums{0, 9}, 4, 0, 0, nums{1, 2, 3}) // numbers from beyond the end are not asked for
}

// A slow and obvious bookkeeping agrees with ours on any series.
func TestSequenceAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var s Sequence
		seen := map[uint64]bool{}
		var highest uint64
		for range 200 {
			n := r.Uint64N(100)
			want := Ahead
			switch {
			case seen[n]:
				want = Duplicated
			case n < highest:
				want = Reordered
			case n == highest:
				want = InOrder
			}
			if got := s.Observe(n); got != want {
				t.Fatalf("%d: arrival %d, want %d", n, got, want)
			}
			seen[n] = true
			highest = max(highest, n+1)
		}
		for n := range uint64(120) {
			if s.Has(n) != seen[n] {
				t.Fatalf("Has(%d) = %v, want %v", n, s.Has(n), seen[n])
			}
		}
		for _, n := range missing(&s, 120) {
			if seen[n] {
				t.Fatalf("%d is said to be missing and is not", n)
			}
			seen[n] = true
		}
		for n := range uint64(120) {
			if !seen[n] {
				t.Fatalf("%d is missing and not said to be", n)
			}
		}
	}
}

func BenchmarkSequence(b *testing.B) {
	var s Sequence
	for n := uint64(0); b.Loop(); n++ {
		if s.Observe(n) != InOrder {
			b.Fatal("not in order")
		}
	}
}
