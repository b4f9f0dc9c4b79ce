package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// shares is what the gateway's own counters say of the time between two looks at
// them: the work of each worker, and CPU time over work.
func shares(first, last Metrics, workers int) (run WorkersRun) {
	const deliveries = "tidegate_deliveries_total"
	run.Workers = workers
	sum := last.Sum(deliveries) - first.Sum(deliveries)
	run.CPU = 1e6 * ratio(last[cpuMetric]-first[cpuMetric], sum)
	before, after := first.By(deliveries), last.By(deliveries)
	connections := last.By("tidegate_worker_connections")
	for i := range workers {
		label := fmt.Sprintf("worker=%q", fmt.Sprint(i))
		run.Share = append(run.Share, ratio(after[label]-before[label], sum))
		run.Connections = append(run.Connections, connections[label])
	}
	return run
}

// uneven says so if one worker has over a tenth more connections than its part, and
// at least two more.
func (r WorkersRun) uneven() []string {
	sum := 0.0
	for _, n := range r.Connections {
		sum += n
	}
	part := sum / float64(max(len(r.Connections), 1))
	if most := slices.Max(append([]float64{0}, r.Connections...)); sum == 0 || most > math.Max(1.1*part, part+2) {
		return []string{fmt.Sprintf("%s are spread unevenly: %v", plural(r.Workers, "worker"), r.Connections)}
	}
	return nil
}

// writeTable writes a line a run, the medians, and the ratio to the first.
func (s *Workers) writeTable(w io.Writer, workers []int) error {
	fmt.Fprintf(w, "%s members in %s groups, %d bytes, at most %s deliveries under way (%.0f a member)\n\n", grouped(s.Plan.Connections),
		grouped(s.Plan.Groups), s.Plan.Size, grouped(s.Outstanding), float64(s.Outstanding)/float64(s.Plan.Connections))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "workers\tdeliveries/s\tgateway CPU a delivery\tgateway cores\tharness cores\tconnections\tshare of deliveries\t\n")
	for _, r := range s.Runs {
		fmt.Fprintf(t, "%d\t%s\t%.2f µs\t%.2f\t%.2f\t%s\t%s\t\n", r.Workers, grouped(r.Deliveries), r.CPU, r.Cores, r.Harness,
			listed("%.0f", r.Connections), listed("%.3f", r.Share))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	rate := func(r WorkersRun) float64 { return r.Deliveries }
	cpu := func(r WorkersRun) float64 { return r.CPU }
	for _, n := range workers {
		fmt.Fprintf(w, "median   %s: %s deliveries/s, %.2f µs CPU each; to %d: %.2f times the deliveries, %.2f times the CPU\n", plural(n, "worker"),
			grouped(s.median(n, rate)), s.median(n, cpu), workers[0],
			ratio(s.median(n, rate), s.median(workers[0], rate)), ratio(s.median(n, cpu), s.median(workers[0], cpu)))
	}
	return writeVerdict(w, s.Failures)
}

// median is that of the runs with so many workers.
func (s *Workers) median(workers int, of func(WorkersRun) float64) float64 {
	var v []float64
	for _, r := range s.Runs {
		if r.Workers == workers {
			v = append(v, of(r))
		}
	}
	return median(v)
}

// listed is numbers with commas.
func listed(format string, v []float64) string {
	words := make([]string, len(v))
	for i, x := range v {
		words[i] = fmt.Sprintf(format, x)
	}
	return strings.Join(words, ", ")
}
