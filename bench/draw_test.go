package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

// labels are what an axis is marked with.
func labels(a axis) (all []string) {
	for i, tick := range a.Ticks {
		if i > 0 && tick.Value <= a.Ticks[i-1].Value {
			all = append(all, "not ascending")
		}
		all = append(all, tick.Label)
	}
	return all
}

func TestAxes(t *testing.T) {
	f := func(a axis, want ...string) {
		t.Helper()
		if got := labels(a); !slices.Equal(got, want) {
			t.Errorf("marks %q, want %q", got, want)
		}
	}
	f(evenAxis([]float64{0}), "0", "0.02", "0.04", "0.06", "0.08", "0.1")
	f(evenAxis([]float64{1}), "0", "0.2", "0.4", "0.6", "0.8", "1")
	f(evenAxis([]float64{3, 90_000, 7}), "0", "20,000", "40,000", "60,000", "80,000", "100,000")
	f(evenAxis([]float64{7}), "0", "2", "4", "6", "8")
	f(logAxis([]float64{logMs(0.3), logMs(4)}), "0.1", "0.2", "0.5", "1", "2", "5", "10")
	f(logAxis([]float64{0}), "1", "2", "5", "10")
	f(rarityAxis(1), "0", "50", "90")
	f(rarityAxis(4.5), "0", "50", "90", "99", "99.9", "99.99", "99.999")
}

// Every axis reaches around its values, or the plot would lie outside.
func TestAxesReach(t *testing.T) {
	for _, v := range []float64{0.013, 0.1, 1, 2.5, 9.99, 100, 12345, 1e6} {
		if r := evenAxis([]float64{v}).reach(); r.Min > 0 || r.Max < v*(1-1e-9) || r.Max > 2.5*v+1 {
			t.Errorf("%g lies badly in %g to %g", v, r.Min, r.Max)
		}
		if r := logAxis([]float64{math.Log10(v)}).reach(); r.Min > math.Log10(v) || r.Max < math.Log10(v) {
			t.Errorf("log %g lies outside %g to %g", v, r.Min, r.Max)
		}
	}
}

func TestDraw(t *testing.T) {
	l := line{Name: "a<b"}
	l.add(0, 1)
	l.add(1, 2)
	svg, err := draw(rarityAxis(3), evenAxis(l.Y), []line{l, l})
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for err == nil {
		_, err = d.Token()
	}
	if !errors.Is(err, io.EOF) || !strings.Contains(string(svg), "percentile") {
		t.Errorf("not an SVG with its marks: %v", err)
	}
}

// A result with little in it has few plots, and no error.
func TestPlotsOfLittle(t *testing.T) {
	f := func(r Result, want int) {
		t.Helper()
		plots, err := r.plots()
		if err != nil || len(plots) != want {
			t.Errorf("%d plots, %v; want %d", len(plots), err, want)
		}
		var b strings.Builder
		if err := r.writeHTML(&b); err != nil || strings.Count(b.String(), "<svg") != want {
			t.Errorf("%v, %d plots on the page", err, strings.Count(b.String(), "<svg"))
		}
	}
	f(Result{}, 0)
	f(Result{Points: []Point{{}}}, 0)
	f(Result{Points: []Point{{Second: 0}, {Second: 1}, {Second: 2}}}, 1)
	f(Result{Points: []Point{{Second: 0, P50: 1, P99: 1, Max: 1}, {Second: 1, P50: 1, P99: 1, Max: 1}, {Second: 2}}}, 2)
	f(Result{Latency: Quantiles{Count: 5, Curve: []Percent{{0, 1}, {100, 2}}}}, 1)
}
