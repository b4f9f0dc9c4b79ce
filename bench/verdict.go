package main

import (
	"fmt"
	"strings"
)

const (
	// busyLimit is the share of its time above which a loop has none left.
	busyLimit = 0.90
	// starvedLimit is the share of the time that a loop may want a processor and not
	// get one.
	starvedLimit = 0.1
	// latenessLimit is the harness's own p99, in milliseconds, above which it blurs
	// what it measures.
	latenessLimit = 10.0
)

// judge fills in Held, Failures and Notes from the numbers. What was lost because
// the rate was too high is lost all the same.
func (r *Result) judge(losses Losses) {
	r.Held, r.Failures, r.Notes = true, []string{}, []string{}
	p, d := r.Publishes, r.Deliveries
	r.hold(p.OnSchedule, p.Intended, fmt.Sprintf("publishes left within %v of their due time", maxLateness))
	r.hold(p.Acked, p.Intended, "publishes were acked")
	r.hold(d.OnTime, d.Owed, fmt.Sprintf("deliveries came before the schedule's end and %v more", grace))
	if !r.Held {
		r.Failures = append(r.Failures, fmt.Sprintf("the rate of %g publishes/s was not held", r.Plan.Rate))
	}
	r.forbid(d.Lost, "delivery of an acked publish was lost", "deliveries of acked publishes were lost")
	r.forbid(d.Duplicated, "delivery was duplicated", "deliveries were duplicated")
	r.forbid(d.Reordered, "delivery came out of order", "deliveries came out of order")
	r.forbid(d.Misrouted, "delivery went to a connection outside its group", "deliveries went to connections outside their group")
	if losses.Closed > 0 {
		r.Held = false
		r.Failures = append(r.Failures, fmt.Sprintf("%s did not live to the end; the first: %v", plural(losses.Closed, "connection"), losses.Fate))
	}
	if limit := r.Plan.MaxP99; limit > 0 && r.Latency.P99 > limit.Seconds()*1000 {
		r.Held = false
		r.Failures = append(r.Failures, fmt.Sprintf("p99 is %s, above --max-p99 %v", ms(r.Latency.P99), limit))
	}
	// Refusals fail a run only by their number, as publishes that were not acked.
	if losses.Refusal != nil {
		r.Notes = append(r.Notes, fmt.Sprintf("the server refused publishes; the first: %v", losses.Refusal))
	}
	r.annotate()
}

// hold demands that at least heldShare of what was intended came about.
func (r *Result) hold(got, intended uint64, what string) {
	// Of nothing intended nothing is missing: that is how idle passes.
	if float64(got) < heldShare*float64(intended) {
		r.Held = false
		r.Failures = append(r.Failures, fmt.Sprintf("only %.1f %% of the %s", 100*float64(got)/float64(intended), what))
	}
}

// forbid demands that something did not happen.
func (r *Result) forbid(n uint64, one, many string) {
	switch {
	case n == 1:
		r.Failures = append(r.Failures, "1 "+one)
	case n > 1:
		r.Failures = append(r.Failures, fmt.Sprintf("%d %s", n, many))
	}
}

// annotate notes what a reader should know of the harness's own part.
func (r *Result) annotate() {
	if r.Bottleneck() {
		r.Notes = append(r.Notes, fmt.Sprintf(
			"the harness was a bottleneck: its busiest loop had work %.0f %% of the time and waited for a processor %.0f %%, and its sends were up to %s late at p99; "+
				"the gateway may be better than these numbers. %s",
			100*r.Harness.Busy, 100*r.Harness.Starved, ms(r.Lateness.P99), r.relief()))
	}
	if r.Gateway == nil {
		r.Notes = append(r.Notes, "without an operator listener that answers (--operator) the gateway's CPU and RSS are not known")
	}
	if r.Deliveries.Foreign > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d frames were not understood or not ours; does somebody else speak in these groups?", r.Deliveries.Foreign))
	}
	if r.Cut {
		r.Notes = append(r.Notes, "the run was cut short")
	}
	if r.Plan.Plain() {
		r.Notes = append(r.Notes, "on a plain route nothing is acked: a publish counts as acked once it is written")
	}
}

// relief is what would help the harness.
func (r *Result) relief() string {
	if r.Harness.Starved > starvedLimit {
		return "The machine is short of processors: run the harness on one of its own, or with less beside it"
	}
	return "Give it more --loops"
}

// Bottleneck reports whether the harness rather than the gateway set the limit.
func (r *Result) Bottleneck() bool {
	return r.Harness.Busy > busyLimit || r.Lateness.P99 > latenessLimit
}

// Failed reports whether the run must end with a non-zero exit code.
func (r *Result) Failed() bool { return len(r.Failures) > 0 }

// Summary is the verdict in a sentence.
func (r *Result) Summary() string {
	if r.Failed() {
		return "FAILED: " + strings.Join(r.Failures, "; ")
	}
	return "held: nothing lost, nothing duplicated, nothing out of order"
}
