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

// writeTable writes the figures of each part, and then the ratios of all.
func (l Limits) writeTable(w io.Writer) error {
	y := l.Yardstick
	fmt.Fprintf(w, "%s; %s of %v a server, in turn; medians (lowest to highest)\n", l.Machine, plural(y.Rounds, "round"), y.Duration)
	for _, s := range l.Scores {
		fmt.Fprintf(w, "\n%s\n", l.title(s))
		if err := s.writeTable(w); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "\n* the server had less than %.0f %% of its core: the load, or somebody else, was what was slow; compare the cost\n", 100*fullCore)
	return l.writeRatios(w)
}

// title is what a part is about. A maximum says nothing without the depth.
func (l Limits) title(s *Score) string {
	switch s.Name {
	case latency:
		return fmt.Sprintf("latency, %s, %d bytes: from due to delivered, at %s deliveries/s", s.Shape.Name, s.Size, grouped(l.Yardstick.Rate))
	case intake:
		return fmt.Sprintf("intake, %s, %d bytes: acked publishes of %s with %d unanswered each", s.Shape.Name, s.Size, plural(s.Publishers, "publisher"), s.Window)
	}
	return fmt.Sprintf("throughput, %s, %s bytes: deliveries with %s under way for each connection (depth)",
		s.Shape.Name, grouped(s.Size), strconv.FormatFloat(s.Depth, 'g', 3, 64))
}

// writeRatios writes what all of it is for: a line a part and figure. Each ratio is
// of one round, and their median is not that of two medians.
func (l Limits) writeRatios(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "\nratios\t\tdepth\t")
	for _, p := range pairs {
		fmt.Fprintf(t, "\t%s/%s", p.Over, p.Under)
	}
	fmt.Fprintln(t)
	for _, s := range l.Scores {
		depth := "-" // nobody fills the pipe
		if s.Name == throughput {
			depth = strconv.FormatFloat(s.Depth, 'g', 3, 64)
		}
		for _, figure := range figures {
			if line, ok := s.ratioLine(figure); ok {
				fmt.Fprintf(t, "%s, %s\t%s B\t%s\t%s%s\n", s.Name, s.Shape.Name, grouped(s.Size), depth, figure, line)
			}
		}
	}
	return t.Flush()
}

// ratioLine is the ratios of one figure, in the order of pairs. False if there are none.
func (s *Score) ratioLine(figure string) (line string, ok bool) {
	for _, p := range pairs {
		cell := "-"
		for _, r := range s.Ratios {
			if r.Figure == figure && r.Over == p.Over && r.Under == p.Under {
				cell, ok = r.Spread.String(), true
			}
		}
		line += "\t" + cell
	}
	return line, ok
}

// writeTable writes one part: a line a server.
func (s *Score) writeTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "  server\ta second\t\tCPU us each\tRedis us\tserver core\tload core")
	if s.Name == latency {
		fmt.Fprint(t, "\tp50 ms\tp99 ms")
	}
	fmt.Fprintln(t)
	for _, name := range subjectNames {
		if len(s.Rounds[name]) > 0 {
			fmt.Fprintf(t, "  %s\t%s\n", name, s.line(name))
		}
	}
	return t.Flush()
}

// line is the medians of one server.
func (s *Score) line(name string) string {
	of := func(f func(m Measurement) float64) Spread { return spread(s.figures(f)[name]) }
	known := func(v float64) string {
		if v == 0 {
			return "-"
		}
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	rate := of(func(m Measurement) float64 { return m.PerSecond })
	core := of(func(m Measurement) float64 { return m.ServerBusy }).Median
	mark := ""
	if core < fullCore && s.Name != latency {
		mark = " *"
	}
	cells := []string{
		grouped(rate.Median), "(" + grouped(rate.Min) + " to " + grouped(rate.Max) + ")",
		known(of(func(m Measurement) float64 { return m.Micros }).Median),
		known(of(func(m Measurement) float64 { return m.StoreCPU }).Median),
		fmt.Sprintf("%.0f %%%s", 100*core, mark),
		fmt.Sprintf("%.0f %%", 100*of(func(m Measurement) float64 { return m.LoadBusy }).Median),
	}
	if s.Name == latency {
		cells = append(cells, known(of(func(m Measurement) float64 { return m.P50 }).Median), known(of(func(m Measurement) float64 { return m.P99 }).Median))
	}
	return strings.Join(cells, "\t")
}
