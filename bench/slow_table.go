package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// failures is why one run failed, in words.
func (r SlowRun) failures(n int) (all []string) {
	a := r.Absent
	for _, f := range []struct {
		n    uint64
		what string
	}{
		{uint64(a.Closed), fmt.Sprintf("of %d readers that stopped were closed (%s)", a.Readers, a.Why)},
		{a.Lost, "deliveries to readers that stopped were lost"},
		{uint64(a.Readers - a.Closed - min(a.CaughtUp, a.Readers-a.Closed)), "of those who stayed did not catch up"},
		{uint64(r.Closed), "of the others were closed"},
		{r.Lost, "deliveries to the others were lost"},
		{r.Faults.Duplicated, "deliveries were duplicated"},
		{r.Faults.Reordered, "deliveries came out of order"},
		{r.Faults.Misrouted, "deliveries went to connections outside the group"},
	} {
		if f.n > 0 {
			all = append(all, fmt.Sprintf("run %d: %d %s", n, f.n, f.what))
		}
	}
	return all
}

// writeTable writes the scene for a terminal.
func (s *Slow) writeTable(w io.Writer) error {
	fmt.Fprintf(w, "%s members of a group, %g publishes/s of %d bytes; \"with\": some do not read for %v\n\n",
		grouped(s.Plan.Connections), s.Plan.Rate, s.Plan.Size, s.Away)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "run\tothers p50\tp99\tmax\tafter: p50\tp99\tRSS before\tmost\tend\taway\tcaught up\tin p50\tmax\tclosed\tlost\t\n")
	for i, r := range s.Runs {
		name := fmt.Sprintf("%d without", i+1)
		if r.Stops {
			name = fmt.Sprintf("%d with", i+1)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t", name, ms(r.Others.P50), ms(r.Others.P99), ms(r.Others.Max),
			ms(r.After.P50), ms(r.After.P99), mib(r.Memory.Before), mib(r.Memory.Most), mib(r.Memory.After))
		a := r.Absent
		if r.Stops {
			fmt.Fprintf(t, "%d\t%d\t%s\t%s\t%d\t%s\t\n", a.Readers, a.CaughtUp, ms(a.Took.P50), ms(a.Took.Max), a.Closed+r.Closed, grouped(a.Lost+r.Lost))
		} else {
			fmt.Fprintf(t, "\t\t\t\t%d\t%s\t\n", r.Closed, grouped(r.Lost))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nratio    with to without, of those who read all the time: p50 %.2f, p99 %.2f\n", s.RatioP50, s.RatioP99)
	return writeVerdict(w, s.Failures)
}
