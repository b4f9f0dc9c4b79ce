package main

import (
	"slices"
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	f := func(in []float64, want Spread, words string) {
		t.Helper()
		if got := spread(in); got != want || got.String() != words {
			t.Errorf("%v: %+v %q, want %+v %q", in, got, got, want, words)
		}
	}
	f(nil, Spread{}, "-")
	f([]float64{2}, Spread{2, 2, 2}, "2.00 (2.00 to 2.00)")
	f([]float64{3, 1}, Spread{2, 1, 3}, "2.00 (1.00 to 3.00)")
	f([]float64{9, 1, 2}, Spread{2, 1, 9}, "2.00 (1.00 to 9.00)")
	f([]float64{4, 100, 1, 2}, Spread{3, 1, 100}, "3.00 (1.00 to 100.00)")
}

func TestQuotients(t *testing.T) {
	f := func(over, under, want []float64) {
		t.Helper()
		if got := quotients(over, under); !slices.Equal(got, want) {
			t.Errorf("%v / %v: %v, want %v", over, under, got, want)
		}
	}
	f(nil, nil, nil)
	f([]float64{1}, nil, nil)
	f([]float64{1, 6}, []float64{2, 3}, []float64{0.5, 2})
	f([]float64{1, 0, 6}, []float64{0, 2, 3}, []float64{2}) // what has no figure has no ratio
	f([]float64{4, 4}, []float64{2}, []float64{2})
}

// The ratio of two servers is of rounds: a machine that slows down for one round
// does so for both.
func TestRatios(t *testing.T) {
	got := ratios(figureRate, map[string][]float64{"write": {100, 10, 100}, "memory": {300, 20, 300}, "join": {}})
	want := []Ratio{{"memory", "write", figureRate, Spread{3, 2, 3}}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestMeasurement(t *testing.T) {
	f := func(s Spent, count uint64, want Measurement) {
		t.Helper()
		if got := measurement(s, count); got != want {
			t.Errorf("%+v of %d: %+v, want %+v", s, count, got, want)
		}
	}
	f(Spent{}, 0, Measurement{})
	f(Spent{Wall: 2 * time.Second, Server: time.Second, Store: 500 * time.Millisecond, Load: 2 * time.Second}, 1_000_000,
		Measurement{Count: 1_000_000, PerSecond: 500_000, Micros: 1, StoreCPU: 0.5, ServerBusy: 0.5, LoadBusy: 1})
	f(Spent{Wall: time.Second, Server: time.Second}, 0, Measurement{ServerBusy: 1})
}

// What is compared of a latency is not how fast the schedule was.
func TestScoreCompare(t *testing.T) {
	f := func(name string, want ...string) {
		t.Helper()
		s := Score{Part: Part{Name: name}, Rounds: map[string][]Measurement{
			"memory": {{PerSecond: 4, Micros: 1, P50: 3, P99: 8}}, "write": {{PerSecond: 2, Micros: 2, P50: 1, P99: 1}},
		}}
		s.compare()
		var got []string
		for _, r := range s.Ratios {
			got = append(got, r.Figure+" "+r.Spread.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	f(throughput, "rate 2.00 (2.00 to 2.00)", "cost 0.50 (0.50 to 0.50)")
	f(intake, "rate 2.00 (2.00 to 2.00)", "cost 0.50 (0.50 to 0.50)")
	f(latency, "p50 3.00 (3.00 to 3.00)", "p99 8.00 (8.00 to 8.00)")
}
