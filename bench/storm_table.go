package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
)

// judge says why the storm failed, if it did: what happened to members is judged as
// in any load, except by rate and time, which a storm may touch.
func (s *Storm) judge(o stormOptions, r *Result) {
	s.Failures = r.faults()
	for i, w := range s.Waves {
		if w.GaveUp > 0 {
			s.Failures = append(s.Failures, fmt.Sprintf("wave %d: %d of %d were not in after %v; the first trouble: %s", i+1, w.GaveUp, o.guests, o.patience, w.Why))
		}
		if w.Closed > 0 {
			s.Failures = append(s.Failures, fmt.Sprintf("wave %d: %d were closed while they were in: %s", i+1, w.Closed, w.Why))
		}
	}
	if got := ratio(s.Arriving.P99, s.Quiet.P99); o.maxRatio > 0 && got > o.maxRatio {
		s.Failures = append(s.Failures, fmt.Sprintf("the members' p99 in the storm is %.1f times that before, above --max-ratio %g", got, o.maxRatio))
	}
}

// faults is what is wrong with a run whatever its load was: what was lost, came
// twice or in the wrong order, and who was closed.
func (r *Result) faults() []string {
	all := Result{Deliveries: r.Deliveries}
	all.Failures = []string{}
	d := r.Deliveries
	all.forbid(d.Lost, "delivery of an acked publish was lost", "deliveries of acked publishes were lost")
	all.forbid(d.Duplicated, "delivery was duplicated", "deliveries were duplicated")
	all.forbid(d.Reordered, "delivery came out of order", "deliveries came out of order")
	all.forbid(d.Misrouted, "delivery went to a connection outside its group", "deliveries went to connections outside their group")
	all.forbid(uint64(r.Connect.Closed), "member was closed", "members were closed")
	return all.Failures
}

// ratio is a to b; 0 if b is nothing.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// writeTable writes the storm for a terminal.
func (s *Storm) writeTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "wave\tin\tSYNs out\ttook\tin/s\tentry p50\tp99\tmax\t503\tbroken\tSYN again\tgone after\t\n")
	for i, r := range s.Waves {
		fmt.Fprintf(t, "%d\t%s\t%.2f s\t%.2f s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.2f s\t\n", i+1, grouped(r.Connections), r.Knocked, r.Seconds, grouped(r.PerSecond),
			ms(r.Entry.P50), ms(r.Entry.P99), ms(r.Entry.Max), grouped(r.Refused), grouped(r.Broken), grouped(r.Dropped), r.LeaveTook)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s members\tp50\tp99\tmax\tp50 ratio\tp99 ratio\tmessages\t\n", grouped(s.Members.Connections))
	for _, p := range []struct {
		name string
		q    Quantiles
	}{{"quiet", s.Quiet}, {"arriving", s.Arriving}, {"leaving", s.Leaving}, {"after", s.After}} {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.2f\t%.2f\t%s\t\n", p.name, ms(p.q.P50), ms(p.q.P99), ms(p.q.Max),
			ratio(p.q.P50, s.Quiet.P50), ratio(p.q.P99, s.Quiet.P99), grouped(float64(p.q.Count)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\ngateway  RSS %v\nharness  %.2f CPU cores, starved %.0f %% of the time\n", s.Memory, s.Harness.Cores, 100*s.Harness.Starved)
	return writeVerdict(w, s.Failures)
}

// writeVerdict ends a scene's table.
func writeVerdict(w io.Writer, failures []string) error {
	if len(failures) == 0 {
		_, err := fmt.Fprintln(w, "verdict  passed: nothing lost, nothing duplicated, nothing out of order")
		return err
	}
	for _, f := range failures {
		if _, err := fmt.Fprintln(w, "verdict  FAILED:", f); err != nil {
			return err
		}
	}
	return nil
}

// indented writes a value as JSON that people can read.
func indented(v any) func(w io.Writer) error {
	return func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
}

// verdict is what a run ends with whose table and JSON were written, or could not be.
func verdict(table, file error, failures []string) error {
	if err := errors.Join(table, file); err != nil {
		return failure{err}
	}
	if len(failures) > 0 {
		return errFailed
	}
	return nil
}
