package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Limits is everything that bench limit found out: what its table and its JSON show.
type Limits struct {
	Started   time.Time `json:"started"`
	Machine   string    `json:"machine"`
	Yardstick Yardstick `json:"yardstick"`
	Scores    []*Score  `json:"scores"`
}

// writeTable writes the figures of each part, and then its ratios.
func (l Limits) writeTable(w io.Writer) error {
	y := l.Yardstick
	fmt.Fprintf(w, "%s; %s of %v in turn, medians (lowest-highest); ratios are of one round each\n", l.Machine, plural(y.Rounds, "round"), y.Duration)
	for i, s := range l.Scores {
		if i == 0 || l.Scores[i-1].Name != s.Name {
			fmt.Fprintf(w, "\n%s\n", l.title(s))
		}
		if err := s.writeTable(w, i == 0 || l.Scores[i-1].Name != s.Name); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n* the server had less than %.0f %% of its core: the load, or somebody else, was what was slow; compare the cost\n", 100*busy)
	return err
}

// title is what a part is about.
func (l Limits) title(s *Score) string {
	switch s.Name {
	case latency:
		return fmt.Sprintf("latency at %s deliveries/s, %s, %d bytes, from due to delivered", grouped(l.Yardstick.Rate), s.Shape.Name, s.Size)
	case intake:
		return fmt.Sprintf("intake: publishes with acks, %s, %d bytes, %d publishers with %d unanswered each", s.Shape.Name, s.Size, s.Publishers, s.Window)
	}
	return "throughput: deliveries"
}

// writeTable writes one part: a line a server, and one for each kind of ratio.
func (s *Score) writeTable(w io.Writer, head bool) error {
	if s.Name == throughput {
		fmt.Fprintf(w, "\n%s, %s bytes, depth %s\n", s.Shape.Name, grouped(s.Size), strconv.FormatFloat(s.Depth, 'g', 3, 64))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  server\ta second\t\tCPU us each\tRedis us\tserver core\tload core\tp50 ms\tp99 ms")
	for _, name := range subjectNames {
		if len(s.Rounds[name]) > 0 {
			fmt.Fprintf(t, "  %s\t%s\n", name, s.line(name))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, figure := range []string{figureRate, figureCost, figureP50, figureP99} {
		var all []string
		for _, r := range s.Ratios {
			if r.Figure == figure {
				all = append(all, fmt.Sprintf("%s/%s %s", r.Over, r.Under, r.Spread))
			}
		}
		if len(all) > 0 {
			fmt.Fprintf(w, "  %s: %s\n", figure, strings.Join(all, "  "))
		}
	}
	return nil
}

// line is the medians of one server.
func (s *Score) line(name string) string {
	of := func(f func(m Measurement) float64) Spread { return spread(s.figures(f)[name]) }
	rate := of(func(m Measurement) float64 { return m.PerSecond })
	busyness := of(func(m Measurement) float64 { return m.ServerBusy }).Median
	mark := ""
	if busyness < busy && s.Name != latency {
		mark = " *"
	}
	optional := func(format string, v float64) string {
		if v == 0 {
			return "-"
		}
		return fmt.Sprintf(format, v)
	}
	return strings.Join([]string{
		grouped(rate.Median), "(" + grouped(rate.Min) + "-" + grouped(rate.Max) + ")",
		optional("%.2f", of(func(m Measurement) float64 { return m.Micros }).Median),
		optional("%.2f", of(func(m Measurement) float64 { return m.StoreCPU }).Median),
		fmt.Sprintf("%.0f %%%s", 100*busyness, mark),
		fmt.Sprintf("%.0f %%", 100*of(func(m Measurement) float64 { return m.LoadBusy }).Median),
		optional("%.3f", of(func(m Measurement) float64 { return m.P50 }).Median),
		optional("%.3f", of(func(m Measurement) float64 { return m.P99 }).Median),
	}, "\t")
}
