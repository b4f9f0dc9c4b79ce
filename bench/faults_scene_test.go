package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Two real nodes, a real Redis whose connections are cut, and members that stay.
func TestBinaryFaults(t *testing.T) {
	var r Trials
	stdout := scene(t, exitDone, &r, "faults", "--fault", "cut", "--nodes", "2", "--clients", "20", "--rate", "200", "--strikes", "8", "--duration", "3s", "--seed", "7", "--quiet")
	if len(r.Outcomes) != 1 {
		t.Fatalf("%d faults, want 1:\n%s", len(r.Outcomes), stdout)
	}
	if o := r.Outcomes[0]; o.Acked == 0 || o.Delivered == 0 || o.Silence <= 0 || o.Recover <= 0 || !o.Passed() {
		t.Errorf("outcome %+v", o)
	}
	for _, want := range []string{"seed 7\n", "passed: every message that was acked"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}

func TestFaultsUsage(t *testing.T) {
	t.Parallel()
	f := func(want string, args ...string) {
		t.Helper()
		code, _, stderr := bench(t.Context(), append([]string{"check"}, args...)...)
		if code != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("bench check %q: exit code %d, want %d and %q in %s", args, code, exitUsage, want, stderr)
		}
	}
	f("--gateway")
	f("--fault earthquake", "--gateway", "x", "--fault", "earthquake")
	f("--nodes 0", "--gateway", "x", "--nodes", "0")
	f("--clients", "--gateway", "x", "--clients", "-9")
	f("--rate 0", "--gateway", "x", "--rate", "0")
}

// What was found is what the table and the exit code say.
func TestTrialsJudge(t *testing.T) {
	t.Parallel()
	r := Trials{}
	r.judge(&Outcome{Fault: "good", Findings: &Findings{Acked: 1, Delivered: 1}})
	if len(r.Failures) != 0 {
		t.Errorf("failures of a good one: %q", r.Failures)
	}
	r.judge(&Outcome{Fault: "idle", Findings: &Findings{}})
	r.judge(&Outcome{Fault: "bad", Findings: &Findings{Acked: 1, Delivered: 1, Lost: 1}})
	r.judge(&Outcome{Fault: "worse", Findings: &Findings{Acked: 1, Delivered: 1, Duplicated: 1, Broken: []string{"this", "that"}}})
	if want := "idle: nothing was delivered, so nothing was shown|bad: a promise was broken|worse: this|worse: that"; strings.Join(r.Failures, "|") != want {
		t.Errorf("failures %q, want %q", r.Failures, want)
	}
	var b strings.Builder
	if err := r.writeTable(&b); err != nil || strings.Count(b.String(), "FAILED") != 4 {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// The same seed makes the same decisions again, for each who decides, whatever
// the others do.
func TestTrialSeed(t *testing.T) {
	t.Parallel()
	decisions := func(seed uint64, others int) (all []string) {
		tr := &Trial{o: trialOptions{seed: seed, groups: 10, each: 3, wander: 5, speakers: 2, absence: time.Second}, fault: Fault{adjust: asIs}}
		tr.populate()
		for _, f := range tr.followers {
			if others > 0 {
				f.draw.IntN(7)
			}
			all = append(all, fmt.Sprint(f.groups))
		}
		last := tr.followers[4]
		if others > 0 {
			last = newFollower(tr, 4, last.groups, false) // undisturbed by what the others drew
		}
		return append(all, last.upTo(time.Hour).String(), fmt.Sprint(tr.speakers[1].draw.IntN(1000), tr.rand(faultStream, 0).IntN(1000)))
	}
	if a, b := decisions(7, 0), decisions(7, 1); !slices.Equal(a, b) {
		t.Errorf("the same seed: %q and %q", a, b)
	}
	if a, b := decisions(7, 0), decisions(8, 0); slices.Equal(a, b) {
		t.Errorf("two seeds: %q", a)
	}
}
