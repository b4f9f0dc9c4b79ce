package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	f := func(want float64, v ...float64) {
		t.Helper()
		if got := median(v); got != want {
			t.Errorf("%v: %g, want %g", v, got, want)
		}
	}
	f(0)
	f(3, 3)
	f(2, 3, 1)
	f(2, 9, 1, 2)
	f(2.5, 9, 1, 3, 2)
}

// As many stop as were asked for, and not all neighbours.
func TestStopper(t *testing.T) {
	f := func(members, readers int) {
		t.Helper()
		o := slowOptions{readers: readers}
		o.plan.Connections = members
		n, together := 0, 0
		for id := range members + 5 {
			if o.stopper(id) {
				n++
				if o.stopper(id + 1) {
					together++
				}
			}
		}
		if n != readers || readers <= members/2 && together > 0 {
			t.Errorf("%d of %d, %d beside each other", n, members, together)
		}
	}
	f(1000, 200)
	f(10, 1)
	f(7, 3)
	f(5, 4)
}

// The verdict takes pairs in any order and names each fault.
func TestSlowJudge(t *testing.T) {
	run := func(stops bool, p99 float64, change func(r *SlowRun)) SlowRun {
		r := SlowRun{Stops: stops, Others: Quantiles{P50: 1, P99: p99}}
		if stops {
			r.Absent = Absent{Readers: 2, CaughtUp: 2}
		}
		if change != nil {
			change(&r)
		}
		return r
	}
	f := func(want string, runs ...SlowRun) {
		t.Helper()
		s := Slow{Runs: runs}
		s.judge(slowOptions{maxRatio: 1.5})
		got := strings.Join(s.Failures, "; ")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("", run(false, 10, nil), run(true, 14, nil), run(true, 16, nil), run(false, 10, nil))
	f("1.60 times", run(false, 10, nil), run(true, 16, nil))
	f("run 2: 1 of 2 readers that stopped were closed (1008)", run(false, 10, nil),
		run(true, 10, func(r *SlowRun) { r.Absent.Closed, r.Absent.CaughtUp, r.Absent.Why = 1, 1, "1008" }))
	f("run 2: 1 of those who stayed did not catch up", run(false, 10, nil), run(true, 10, func(r *SlowRun) { r.Absent.CaughtUp = 1 }))
	f("run 1: 3 deliveries to the others were lost", run(false, 10, func(r *SlowRun) { r.Lost = 3 }), run(true, 10, nil))
	f("run 1: 1 deliveries were duplicated", run(false, 10, func(r *SlowRun) { r.Faults.Duplicated = 1 }), run(true, 10, nil))
}

// A connection that is away is not read; when it is back it gets all of it, though
// the poller does not say again that there is something.
func TestAbsence(t *testing.T) {
	l, c, far := scheduled(t, func(p *Plan) { p.Rate = 0 })
	l.absence = &Absence{from: time.Second, to: time.Minute, away: map[*Conn]bool{c: true}}
	l.at(2 * time.Second)
	var sent []byte
	for seq := range uint64(100) {
		sent = append(sent, frames(string(appendPayload(nil, Payload{Seq: seq}, 64)))...)
	}
	if _, err := far.(interface{ Write([]byte) (int, error) }).Write(sent); err != nil {
		t.Fatal(err)
	}
	l.serve(readiness{index: c.id})
	if l.absence.Return(l) || l.tally.Delivered != 0 {
		t.Fatalf("%d came while it was away", l.tally.Delivered)
	}
	l.at(time.Minute)
	poll(t, "everything has come", func() bool {
		for l.absence.Return(l) {
			// A read each turn, as the loop does it.
		}
		if !slices.Contains(l.absence.behind, c) {
			l.serve(readiness{index: c.id})
		}
		return l.tally.Delivered == 100
	})
	if l.window.Faults != (Faults{}) {
		t.Errorf("%+v", l.window.Faults)
	}
}

// Some members of a real gateway's group stop for two seconds and lose nothing.
func TestBinarySlow(t *testing.T) {
	t.Parallel()
	var s Slow
	scene(t, exitDone, &s, "slow", "--connections", "20", "--readers", "4", "--rate", "20", "--size", "8192",
		"--away", "2s", "--tail", "1s", "--rounds", "1", "--max-ratio", "0", "--quiet")
	if len(s.Runs) != 2 || s.Runs[0].Stops || !s.Runs[1].Stops {
		t.Fatalf("%+v", s.Runs)
	}
	a := s.Runs[1].Absent
	if a.Readers != 4 || a.CaughtUp != 4 || a.Took.Count != 4 || s.Runs[1].Others.Count == 0 || s.Runs[1].Others.Count != s.Runs[0].Others.Count {
		t.Errorf("%+v", s.Runs)
	}
}
