package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/bench/offender"
)

func TestHostileUsage(t *testing.T) {
	f := func(want int, words string, args ...string) {
		t.Helper()
		code, stdout, stderr := bench(t.Context(), args...)
		if code != want || !strings.Contains(stdout+stderr, words) {
			t.Errorf("bench %q: exit code %d, want %d and %q\n%s%s", args, code, want, words, stdout, stderr)
		}
	}
	f(exitUsage, "--gateway", "hostile")
	f(exitUsage, `no attack "walk"`, "hostile", "--gateway", "g", "--attacks", "walk")
	f(exitUsage, "--calm 0s", "hostile", "--gateway", "g", "--calm", "0")
	f(exitUsage, "--scale 0", "hostile", "--gateway", "g", "--scale", "0")
	f(exitUsage, "--workers 0", "hostile", "--gateway", "g", "--workers", "0")
	f(exitFailed, "make build", "hostile", "--gateway", "/nowhere/gateway")
	f(exitDone, "--strict", "hostile", "--help")
	f(exitUsage, `no attack "walk"`, "offend", "--attack", "walk")
}

// The verdict names each fault.
func TestSiegeJudge(t *testing.T) {
	a := offender.Attack{Wants: []string{"http 401"}, Counted: []string{"refused_total"}, Grows: 10}
	f := func(want string, change func(s *Siege, o *hostileOptions, r *Result)) {
		t.Helper()
		s := &Siege{
			Report: offender.Report{Got: map[string]uint64{"http 401": 5}}, Counted: Metrics{"refused_total": 5},
			Memory: Memory{Before: 5 << 20, Most: (15 + collectorRoom) << 20}, Files: Files{Before: 10, Most: 500, After: 10 + sparedFiles}, RatioP99: 3,
		}
		o, r := hostileOptions{scale: 1}, &Result{}
		change(s, &o, r)
		s.judge(o, a, r)
		got := strings.Join(s.Failures, "; ")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("", func(*Siege, *hostileOptions, *Result) {})
	f("1 delivery of an acked publish was lost", func(_ *Siege, _ *hostileOptions, r *Result) { r.Deliveries.Lost = 1 })
	f("2 members were closed", func(_ *Siege, _ *hostileOptions, r *Result) { r.Connect.Closed = 2 })
	f("no offender got http 401", func(s *Siege, _ *hostileOptions, _ *Result) { s.Report.Got = nil })
	f("2 offenders got http 101", func(s *Siege, _ *hostileOptions, _ *Result) { s.Report.Got["http 101"] = 2 })
	f("3 newcomers did not get in; the first: full", func(s *Siege, _ *hostileOptions, _ *Result) { s.Newcomers.Failed, s.Newcomers.Why = 3, "full" })
	f("did not count it in refused_total", func(s *Siege, _ *hostileOptions, _ *Result) { s.Counted = nil })
	f("grew by 59.0 MiB, above the bound of 58.0 MiB", func(s *Siege, _ *hostileOptions, _ *Result) { s.Memory.Most += 1 << 20 })
	f("10 descriptors before, and 31 when", func(s *Siege, _ *hostileOptions, _ *Result) { s.Files.After++ })
	f("3.00 times that of the quiet times, above 2 (--strict)", func(_ *Siege, o *hostileOptions, _ *Result) { o.strict = true })
}

// Only what grew is told of, and of that what has to do with who is turned away.
func TestCounted(t *testing.T) {
	before := Metrics{`app_errors_total{reason="a"}`: 1, `app_errors_total{reason="b"}`: 2, "app_messages_total": 1, "tidegate_handshakes": 0}
	after := Metrics{`app_errors_total{reason="a"}`: 1, `app_errors_total{reason="b"}`: 5, `tidegate_closes_total{reason="c"}`: 1200, "app_messages_total": 9, "tidegate_handshakes": 3}
	if got, want := counted(before, after).String(), `app_errors_total{reason="b"} 3, tidegate_closes_total{reason="c"} 1,200`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Two small attacks on the real gateway: the offenders get what they should, and members
// and newcomers notice nothing.
func TestBinaryHostile(t *testing.T) {
	t.Parallel()
	var h Hostile
	stdout := scene(t, exitDone, &h, "hostile", "--attacks", "nonsense,wrong-token", "--connections", "20", "--groups", "4", "--rate", "50",
		"--calm", "500ms", "--attack", "2s", "--rest", "0s", "--scale", "0.05", "--idle=false", "--quiet")
	if len(h.Sieges) != 2 {
		t.Fatalf("%d attacks, want 2", len(h.Sieges))
	}
	for _, s := range h.Sieges {
		n := s.Newcomers
		if s.Report.Connections == 0 || s.Report.CPU == 0 || s.Before.Count == 0 || s.During.Count == 0 || s.After.Count == 0 ||
			n.Before.Count == 0 || n.During.Count == 0 || n.After.Count == 0 || s.Deliveries.Delivered == 0 || s.Files.Before == 0 || s.Memory.Most == 0 {
			t.Errorf("%+v", s)
		}
	}
	for _, want := range []string{"nonsense: 500 a second", "close 1002 x ", `tidegate_tokens_refused_total{reason="signature"}`, "verdict  passed"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
}

// A gateway that lets offenders have their way makes it fail.
func TestBinaryHostileUndefended(t *testing.T) {
	t.Parallel()
	var h Hostile
	scene(t, exitFailed, &h, "hostile", "--attacks", "fragments", "--connections", "20", "--groups", "4", "--rate", "50",
		"--calm", "300ms", "--attack", "1s", "--rest", "0s", "--scale", "0.05", "--quiet", "--gateway-flag=--set=limits.message_fragments=10000000")
	if !slices.Contains(h.Failures, "fragments: no offender got close 1008") {
		t.Errorf("%q", h.Failures)
	}
}
