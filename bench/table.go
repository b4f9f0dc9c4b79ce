package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// row is one line of the table: a name and what it says.
type row struct{ Name, Value string }

// rows is the result as a reader wants it, for the terminal and the HTML report.
func (r Result) rows() []row {
	p, d := r.Publishes, r.Deliveries
	rows := []row{
		{"load", fmt.Sprintf("%s connections in %s groups, %s publishes/s of %d bytes, for %.1f s",
			grouped(r.Plan.Connections), grouped(r.Plan.Groups), grouped(r.Plan.Rate), r.Plan.Size, r.Measured)},
		{"connect", fmt.Sprintf("%s/s with handshake and join (%.2f s)", grouped(r.Connect.PerSecond), r.Connect.Seconds)},
		{"publishes", fmt.Sprintf("%s/s acked; %s of %s, %s refused", grouped(p.PerSecond), grouped(p.Acked), grouped(p.Intended), grouped(p.Refused))},
		{"deliveries", fmt.Sprintf("%s/s; %s of %s", grouped(d.PerSecond), grouped(d.Delivered), grouped(d.Owed))},
		{"latency", r.Latency.String()},
		{"ack latency", r.Acks.String()},
		{"faults", fmt.Sprintf("%s lost, %s duplicated, %s out of order, %s misrouted",
			grouped(d.Lost), grouped(d.Duplicated), grouped(d.Reordered), grouped(d.Misrouted))},
	}
	if r.Plan.Plain() {
		rows = append(rows[:5], rows[6:]...)
	}
	if g := r.Gateway; g != nil {
		rows = append(rows, row{"gateway", fmt.Sprintf("%.2f CPU cores, %s RSS (%s before the load)", g.Cores, mib(g.RSS), mib(g.BaseRSS))})
	}
	return append(rows, row{"harness", fmt.Sprintf("%.2f CPU cores, busy %.0f %%, starved %.0f %% of the time; late p99 %s, max %s",
		r.Harness.Cores, 100*r.Harness.Busy, 100*r.Harness.Starved, ms(r.Lateness.P99), ms(r.Lateness.Max))})
}

// String is the quantiles in a line.
func (q Quantiles) String() string {
	return fmt.Sprintf("p50 %s, p90 %s, p99 %s, p99.9 %s, max %s", ms(q.P50), ms(q.P90), ms(q.P99), ms(q.P999), ms(q.Max))
}

// writeTable writes the result for a terminal.
func (r Result) writeTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range r.rows() {
		fmt.Fprintf(t, "%s\t%s\n", row.Name, row.Value)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(t, "note\t%s\n", note)
	}
	fmt.Fprintf(t, "verdict\t%s\n", r.Summary())
	return t.Flush()
}
