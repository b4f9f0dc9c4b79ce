package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// good is the result of a run without fault.
func good() Result {
	p := defaultPlan()
	return Result{
		Plan: p, Measured: 30,
		Publishes:  Publishes{Intended: 1000, Sent: 1000, OnSchedule: 1000, Acked: 1000, PerSecond: 10_000},
		Deliveries: Deliveries{Owed: 10_000, Delivered: 10_000, OnTime: 10_000, PerSecond: 100_000},
		Latency:    Quantiles{Count: 10_000, P50: 1, P99: 4.5, Max: 9},
		Gateway:    &Usage{Cores: 0.5, RSS: 64 << 20, BaseRSS: 32 << 20},
		Harness:    Harness{Cores: 0.6, Busy: 0.5},
	}
}

func TestJudge(t *testing.T) {
	f := func(change func(r *Result, l *Losses), held, failed bool, words string) {
		t.Helper()
		r, l := good(), Losses{}
		change(&r, &l)
		r.Deliveries.Lost = l.Lost
		r.judge(l)
		text := r.Summary() + "\n" + strings.Join(r.Notes, "\n")
		if r.Held != held || r.Failed() != failed || !strings.Contains(text, words) {
			t.Errorf("held %v, failed %v, want %v, %v and %q:\n%s", r.Held, r.Failed(), held, failed, words, text)
		}
	}
	f(func(*Result, *Losses) {}, true, false, "held: nothing lost")
	f(func(r *Result, _ *Losses) { r.Publishes.OnSchedule = 990 }, true, false, "held")
	f(func(r *Result, _ *Losses) { r.Publishes.OnSchedule = 989 }, false, true, "only 98.9 % of the publishes left within 100ms")
	f(func(r *Result, _ *Losses) { r.Publishes.Acked = 980 }, false, true, "only 98.0 % of the publishes were acked; the rate of 10000 publishes/s was not held")
	f(func(r *Result, _ *Losses) { r.Deliveries.OnTime = 5000 }, false, true, "only 50.0 % of the deliveries")
	f(func(_ *Result, l *Losses) { l.Lost = 1 }, true, true, "1 delivery of an acked publish was lost")
	f(func(_ *Result, l *Losses) { l.Lost = 2 }, true, true, "2 deliveries of acked publishes were lost")
	f(func(r *Result, _ *Losses) { r.Deliveries.Duplicated = 3 }, true, true, "3 deliveries were duplicated")
	f(func(r *Result, _ *Losses) { r.Deliveries.Reordered = 1 }, true, true, "1 delivery came out of order")
	f(func(r *Result, _ *Losses) { r.Deliveries.Misrouted = 1 }, true, true, "outside its group")
	f(func(r *Result, _ *Losses) { r.Deliveries.Foreign = 7 }, true, false, "7 frames were not understood")
	f(func(r *Result, _ *Losses) { r.Plan.MaxP99 = 5 * time.Millisecond }, true, false, "held")
	f(func(r *Result, _ *Losses) { r.Plan.MaxP99 = 4 * time.Millisecond }, false, true, "p99 is 4.50 ms, above --max-p99 4ms")
	f(func(_ *Result, l *Losses) { l.Closed, l.Fate = 2, errors.New("bye") }, false, true, "2 connections did not live to the end; the first: bye")
	f(func(_ *Result, l *Losses) { l.Refusal = errors.New("Forbidden: no") }, true, false, "the first: Forbidden: no")
	f(func(r *Result, _ *Losses) { r.Harness.Busy = 0.97 }, true, false, "the harness was a bottleneck: its busiest loop had work 97 % of the time")
	f(func(r *Result, _ *Losses) { r.Harness = Harness{Busy: 0.97, Starved: 0.05} }, true, false, "more --loops")
	f(func(r *Result, _ *Losses) { r.Harness = Harness{Busy: 0.97, Starved: 0.3} }, true, false, "short of processors")
	f(func(r *Result, _ *Losses) { r.Lateness.P99 = 20 }, true, false, "its sends were up to 20 ms late")
	f(func(r *Result, _ *Losses) { r.Gateway = nil }, true, false, "--operator")
	f(func(r *Result, _ *Losses) { r.Cut = true }, true, false, "cut short")
	f(func(r *Result, _ *Losses) { r.Plan.URL = "ws://x/{group}/" }, true, false, "nothing is acked")
}

func TestTable(t *testing.T) {
	r := good()
	r.judge(Losses{})
	var b strings.Builder
	if err := r.writeTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1,000 connections in 100 groups, 10,000 publishes/s of 128 bytes, for 30.0 s",
		"10,000/s acked", "100,000/s; 10,000 of 10,000", "p50 1.00 ms", "p99 4.50 ms", "max 9.00 ms",
		"0 lost, 0 duplicated, 0 out of order", "0.50 CPU cores, 64.0 MiB RSS (32.0 MiB before the load)", "verdict",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	r.Gateway = nil
	r.Plan.URL = "ws://x/{group}/"
	for _, row := range r.rows() {
		if row.Name == "gateway" || row.Name == "ack latency" {
			t.Errorf("the table has a row %q of nothing", row.Name)
		}
	}
}

func TestWords(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(grouped(0), "0")
	f(grouped(999), "999")
	f(grouped(1000), "1,000")
	f(grouped(1234567.6), "1,234,568")
	f(grouped(-1000), "-1,000")
	f(grouped(-100), "-100")
	f(ms(0.123), "0.12 ms")
	f(ms(12.3), "12 ms")
	f(ms(1234), "1.2 s")
	f(plural(1, "CPU"), "1 CPU")
	f(plural(2, "CPU"), "2 CPUs")
	f(mib(1<<20), "1.0 MiB")
}
