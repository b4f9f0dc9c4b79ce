package main

import (
	"math"
	"testing"
	"time"
)

func TestPacerDue(t *testing.T) {
	f := func(p Pacer, n uint64, want time.Duration) {
		t.Helper()
		if got := p.Due(n); got != want {
			t.Errorf("%+v: Due(%d) = %v, want %v", p, n, got, want)
		}
	}
	one := Pacer{Rate: 1000, Shares: 1}
	f(one, 0, 0)
	f(one, 1, time.Millisecond)
	f(one, 10_000, 10*time.Second)
	f(Pacer{Rate: 0.5, Shares: 1}, 3, 6*time.Second)
	f(Pacer{Rate: 1000, Share: 0, Shares: 2}, 1, 2*time.Millisecond)
	f(Pacer{Rate: 1000, Share: 1, Shares: 2}, 0, time.Millisecond)
	f(Pacer{Rate: 1000, Share: 1, Shares: 2}, 1, 3*time.Millisecond)
	f(Pacer{Rate: 1e6, Shares: 1}, 3_600_000_000, time.Hour)
	f(Pacer{}, 0, math.MaxInt64)
	f(Pacer{Rate: 0, Shares: 1}, 7, math.MaxInt64)
	f(Pacer{Rate: 1000}, 0, math.MaxInt64)
}

// The shares of one schedule are that schedule, each turn once.
func TestPacerSharesAddUp(t *testing.T) {
	const turns = 999
	whole := Pacer{Rate: 7919, Shares: 1}
	for _, shares := range []int{1, 2, 3, 7} {
		next := make([]uint64, shares)
		for n := range uint64(turns) {
			k := int(n) % shares
			p := Pacer{Rate: 7919, Share: k, Shares: shares}
			if got, want := p.Due(next[k]), whole.Due(n); got != want {
				t.Fatalf("%d shares, turn %d: due %v, want %v", shares, n, got, want)
			}
			next[k]++
		}
	}
}
