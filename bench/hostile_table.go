package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tidegate/tidegate/bench/offender"
)

// writeTable writes the scene for a terminal: what offenders did and got, what members
// felt, and what it cost the gateway.
func (h *Hostile) writeTable(w io.Writer) error {
	m := h.Members
	fmt.Fprintf(w, "%s; %s members in %s groups, %s publishes/s, %s deliveries/s\n\n", h.Machine, grouped(m.Connections), grouped(m.Groups),
		grouped(m.Rate), grouped(m.Rate*float64(m.Connections)/float64(m.Groups)))
	for _, s := range h.Sieges {
		fmt.Fprintf(w, "%s: %s\n  did    %s\n  got    %s\n", s.Attack, s.About, did(s.Report), obtained(s.Report))
		if len(s.Counted) > 0 {
			fmt.Fprintf(w, "  counted  %s\n", s.Counted)
		}
	}
	fmt.Fprintln(w)
	if err := h.writeMembers(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := h.writeCosts(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return writeVerdict(w, h.Failures)
}

// writeMembers writes what the well-behaved felt: a line an attack.
func (h *Hostile) writeMembers(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "members\tquiet p50\tp99\tbeside p50\tp99\tquiet again p50\tp99\tratio p50\tratio p99\tlost\tdoubled\tout of order\tclosed\tlet in: quiet p99\tbeside p99\tfailed\t\n")
	for _, s := range h.Sieges {
		d := s.Deliveries
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.2f\t%.2f\t%d\t%d\t%d\t%d\t%s\t%s\t%d of %d\t\n", s.Attack, ms(s.Before.P50), ms(s.Before.P99),
			ms(s.During.P50), ms(s.During.P99), ms(s.After.P50), ms(s.After.P99), s.RatioP50, s.RatioP99,
			d.Lost, d.Duplicated, d.Reordered, s.Closed, ms(max(s.Newcomers.Before.P99, s.Newcomers.After.P99)), ms(s.Newcomers.During.P99),
			s.Newcomers.Failed, s.Newcomers.All())
	}
	return t.Flush()
}

// writeCosts writes what it cost the gateway, and the offenders.
func (h *Hostile) writeCosts(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "gateway\tRSS before\tmost\tafter\tdescriptors before\tmost\tafter\tcores quiet\tbeside\toffenders' cores\tharness starved\t\n")
	for _, s := range h.Sieges {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%.0f %%\t\n", s.Attack, mib(s.Memory.Before), mib(s.Memory.Most), mib(s.Memory.After),
			s.Files.Before, s.Files.Most, s.Files.After, s.CoresCalm, s.Cores, s.Offenders, 100*s.Starved)
	}
	return t.Flush()
}

// All is how many came.
func (n Newcomers) All() int {
	return n.Failed + int(n.Before.Count+n.During.Count+n.After.Count)
}

// did is what offenders did, in words.
func did(r offender.Report) string {
	return fmt.Sprintf("%s connections (%s/s), %s frames or writes (%s/s), %s (%s/s), in %.1f s", grouped(float64(r.Connections)),
		grouped(float64(r.Connections)/r.Seconds), grouped(float64(r.Frames)), grouped(float64(r.Frames)/r.Seconds),
		mib(float64(r.Bytes)), mib(float64(r.Bytes)/r.Seconds), r.Seconds)
}

// obtained is what offenders got, the most frequent first.
func obtained(r offender.Report) string {
	all := slices.Sorted(maps.Keys(r.Got))
	slices.SortStableFunc(all, func(a, b string) int { return int(r.Got[b]) - int(r.Got[a]) })
	for i, word := range all {
		all[i] = fmt.Sprintf("%s x %s", word, grouped(float64(r.Got[word])))
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

// String is the series and their values, in a fixed order.
func (m Metrics) String() string {
	var all []string
	for _, series := range slices.Sorted(maps.Keys(m)) {
		all = append(all, series+" "+grouped(m[series]))
	}
	return strings.Join(all, ", ")
}
