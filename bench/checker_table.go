package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// judge says why a trial failed, if it did.
func (r *Trials) judge(o *Outcome) {
	for _, b := range o.Broken {
		r.Failures = append(r.Failures, o.Fault+": "+b)
	}
	if len(o.Broken) == 0 && !o.Passed() {
		r.Failures = append(r.Failures, o.Fault+": a promise was broken")
	}
	if o.Acked == 0 || o.Delivered == 0 {
		r.Failures = append(r.Failures, o.Fault+": nothing was delivered, so nothing was shown")
	}
}

// String is the outcome in a line.
func (o *Outcome) String() string {
	return fmt.Sprintf("%s: %s acked, %s delivered, %d lost, %d duplicated, %d reordered, %d announced as lost, in %.1f s",
		o.Fault, grouped(o.Acked), grouped(o.Delivered), o.Lost, o.Duplicated, o.Reordered, o.Announced, o.Took.Seconds())
}

// writeTable writes the trials for a terminal.
func (r *Trials) writeTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "fault\tacked\trefused\tunknown\tdelivered\tlost\ttails\tdup\tagain\treordered\tannounced\tnotices\tresumed\trecovered\tsilence\trecovery\t\n")
	for _, o := range r.Outcomes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%.2f s\t%.2f s\t\n", o.Fault,
			grouped(o.Acked), grouped(o.Refused), grouped(o.Unanswered), grouped(o.Delivered), o.Lost, o.Tails, o.Duplicated, o.Again, o.Reordered,
			grouped(o.Announced), grouped(o.Notices), grouped(o.Resumes), grouped(o.Recovered), o.Silence.Seconds(), max(o.Recover, time.Duration(0)).Seconds())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Failures) == 0 {
		_, err := fmt.Fprintln(w, "verdict  passed: every message that was acked was delivered once and in order, or announced as lost")
		return err
	}
	fmt.Fprintf(w, "to see it again: --seed %d\n", r.Seed)
	return writeVerdict(w, r.Failures)
}
