package main

import (
	"html/template"
	"math"
)

// plot is one picture of the report: its title, what to see in it, and its SVG.
type plot struct {
	Title, Text string
	SVG         template.HTML // drawn by us from numbers; nothing of it comes from outside
}

// sketch is a plot before it is drawn.
type sketch struct {
	title, text string
	lines       []line
	x           axis
	y           func(values []float64) axis
}

// plots draws the pictures of the report; what has no two points is left out.
func (r Result) plots() ([]plot, error) {
	if len(r.Points) > 0 {
		r.Points = r.Points[:len(r.Points)-1] // the last second is not a whole one
	}
	var plots []plot
	for _, s := range []sketch{
		{
			"Latency by percentile",
			"From due to delivered, in milliseconds. Both axes are logarithmic: each step to the right is ten times rarer.",
			[]line{r.percentiles()}, rarityAxis(r.rarest()), logAxis,
		}, {
			"Latency over time",
			"In milliseconds: median, 99th percentile and maximum of what came in each second, without the warm-up.",
			r.overTime(), r.seconds(), logAxis,
		}, {
			"Deliveries over time",
			"Messages that members received in each second, warm-up included.",
			[]line{r.rates()}, r.seconds(), evenAxis,
		}, {
			"The gateway's CPU over time",
			"CPU seconds a second, as the operator listener tells.",
			[]line{r.cores()}, r.seconds(), evenAxis,
		},
	} {
		values, ok := s.values()
		if !ok {
			continue
		}
		svg, err := draw(s.x, s.y(values), s.lines)
		if err != nil {
			return nil, err
		}
		plots = append(plots, plot{s.title, s.text, svg})
	}
	return plots, nil
}

// values are all that the plot shows. False if one of its lines is not a line.
func (s sketch) values() (all []float64, ok bool) {
	for _, l := range s.lines {
		if len(l.X) < 2 {
			return nil, false
		}
		all = append(all, l.Y...)
	}
	return all, true
}

// rarest is how rare the rarest value is that so many can show: 3 is one in a
// thousand.
func (r Result) rarest() float64 { return math.Log10(float64(max(r.Latency.Count, 10))) }

// percentiles is the latency curve, over log10 of how rare a value is.
func (r Result) percentiles() line {
	l := line{Name: "latency"}
	for _, p := range r.Latency.Curve {
		l.add(min(-math.Log10(max(1-p.Percent/100, 1e-12)), r.rarest()), logMs(p.Milliseconds))
	}
	return l
}

// overTime is p50, p99 and maximum, second by second.
func (r Result) overTime() []line {
	lines := []line{{Name: "p50"}, {Name: "p99"}, {Name: "max"}}
	for _, p := range r.Points {
		for i, v := range []float64{p.P50, p.P99, p.Max} {
			if v > 0 {
				lines[i].add(float64(p.Second), logMs(v))
			}
		}
	}
	return lines
}

// rates is deliveries, second by second.
func (r Result) rates() line {
	l := line{Name: "deliveries"}
	for _, p := range r.Points {
		l.add(float64(p.Second), float64(p.Delivered))
	}
	return l
}

// cores is the gateway's CPU time between one sample and the next.
func (r Result) cores() line {
	l := line{Name: "cores"}
	for i := 1; i < len(r.Samples); i++ {
		s, before := r.Samples[i], r.Samples[i-1]
		if s.At.Seconds() <= r.lastSecond() && s.At > before.At {
			l.add(s.At.Seconds(), (s.CPU-before.CPU)/(s.At-before.At).Seconds())
		}
	}
	return l
}

// lastSecond is where the time axis may end.
func (r Result) lastSecond() float64 {
	if len(r.Points) == 0 {
		return 0
	}
	return float64(r.Points[len(r.Points)-1].Second + 1)
}

// seconds is the time axis.
func (r Result) seconds() axis {
	a := evenAxis([]float64{max(r.lastSecond(), 1)})
	a.Name = "seconds since the start"
	return a
}

// logMs is where a latency stands on a logarithmic axis.
func logMs(milliseconds float64) float64 { return math.Log10(max(milliseconds, 0.001)) }
