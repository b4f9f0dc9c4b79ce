package main

import (
	"reflect"
	"testing"
	"time"
)

func TestShares(t *testing.T) {
	first := Metrics{cpuMetric: 1, `tidegate_deliveries_total{worker="0"}`: 100, `tidegate_deliveries_total{worker="1"}`: 0}
	last := Metrics{cpuMetric: 1.5, `tidegate_deliveries_total{worker="0"}`: 400, `tidegate_deliveries_total{worker="1"}`: 100,
		`tidegate_worker_connections{worker="0"}`: 7, `tidegate_worker_connections{worker="1"}`: 6}
	want := WorkersRun{Workers: 2, CPU: 1250, Connections: []float64{7, 6}, Share: []float64{0.75, 0.25}}
	if got := shares(first, last, 2); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestUneven(t *testing.T) {
	f := func(want bool, connections ...float64) {
		t.Helper()
		if got := (WorkersRun{Connections: connections}).uneven(); (got != nil) != want {
			t.Errorf("%v: %v", connections, got)
		}
	}
	f(false, 1004)
	f(false, 502, 502)
	f(false, 520, 484)
	f(true, 600, 404)
	f(true, 1004, 0)
	f(false, 3, 2)
	f(true, 0, 0)
	f(true)
}

// The pump keeps so many deliveries under way, sends on when some have come, and
// stops at the schedule's end.
func TestPump(t *testing.T) {
	l, _, _ := scheduled(t, func(p *Plan) { p.Rate = 0 })
	l.outstanding = 20
	l.at(0)
	f := func(sent uint64, pause time.Duration, done bool) {
		t.Helper()
		if got := l.publish(); got != pause || l.tally.Sent != sent || l.done.Load() != done {
			t.Errorf("%d sent, pause %v, done %v; want %d, %v, %v", l.tally.Sent, got, l.done.Load(), sent, pause, done)
		}
	}
	f(maxBurst, 0, false)
	f(20, maxPause, false)
	f(20, maxPause, false)
	l.tally.Delivered = 3
	f(23, maxPause, false)
	l.at(time.Hour)
	f(23, maxPause, true)
}

// One and two workers of the real gateway: all are used, and nothing is lost.
func TestBinaryWorkers(t *testing.T) {
	t.Parallel()
	var s Workers
	scene(t, exitDone, &s, "workers", "--connections", "20", "--groups", "4", "--publishers", "2", "--outstanding", "40",
		"--duration", "1s", "--rounds", "1", "--quiet")
	if len(s.Runs) != 2 || s.Runs[0].Workers != 1 || s.Runs[1].Workers != 2 {
		t.Fatalf("%+v", s.Runs)
	}
	for _, r := range s.Runs {
		if r.Deliveries <= 0 || r.CPU <= 0 || len(r.Connections) != r.Workers || r.uneven() != nil {
			t.Errorf("%+v", r)
		}
	}
}
