package main

import (
	"bytes"
	"html/template"
	"math"
	"slices"
	"strconv"

	"github.com/go-analyze/charts/chartdraw"
	"github.com/go-analyze/charts/chartdraw/drawing"
)

// The size of a plot, in the SVG's own units; the page scales it.
const (
	plotWidth  = 960
	plotHeight = 320
)

// line is one curve of a plot.
type line struct {
	Name string
	X, Y []float64
}

// add adds a point to the right.
func (l *line) add(x, y float64) {
	l.X = append(l.X, x)
	l.Y = append(l.Y, y)
}

// axis is one axis of a plot: where it is marked, from end to end. The library
// writes a vertical axis's name across its marks, so that one has none.
type axis struct {
	Name  string
	Ticks []chartdraw.Tick
}

// mark adds a mark above all others.
func (a *axis) mark(value float64, label string) {
	a.Ticks = append(a.Ticks, chartdraw.Tick{Value: value, Label: label})
}

// reach is an axis's range: from its first mark to its last.
func (a axis) reach() *chartdraw.ContinuousRange {
	return &chartdraw.ContinuousRange{Min: a.Ticks[0].Value, Max: a.Ticks[len(a.Ticks)-1].Value}
}

// rarityAxis marks percentiles as far as one value in 10^rarest.
func rarityAxis(rarest float64) axis {
	a := axis{Name: "percentile"}
	a.mark(0, "0")
	a.mark(math.Log10(2), "50")
	for n := 1; n <= int(math.Ceil(rarest)); n++ {
		a.mark(float64(n), strconv.FormatFloat(100-math.Pow(10, float64(2-n)), 'f', max(n-2, 0), 64))
	}
	return a
}

// logAxis marks 1, 2 and 5 of each decade that the values, given as logarithms,
// need.
func logAxis(values []float64) (a axis) {
	low, high := math.Floor(slices.Min(values)), math.Ceil(slices.Max(values))
	high = max(high, low+1)
	for decade := low; decade < high; decade++ {
		for _, digit := range []float64{1, 2, 5} {
			v := digit * math.Pow(10, decade)
			a.mark(math.Log10(v), strconv.FormatFloat(v, 'g', 3, 64))
		}
	}
	a.mark(high, strconv.FormatFloat(math.Pow(10, high), 'g', 3, 64))
	return a
}

// evenAxis marks about five round numbers from 0 to beyond the values.
func evenAxis(values []float64) (a axis) {
	const marks = 5
	high := max(slices.Max(values), 0.1)
	step := math.Pow(10, math.Floor(math.Log10(high/marks)))
	for _, times := range []float64{1, 2, 5, 10} {
		if high/(step*times) <= marks {
			step *= times
			break
		}
	}
	for i := 0; i == 0 || float64(i-1)*step < high; i++ {
		v := float64(i) * step
		label := grouped(v)
		if step < 1 {
			label = strconv.FormatFloat(v, 'g', 3, 64)
		}
		a.mark(v, label)
	}
	return a
}

// draw draws lines as an SVG to stand in an HTML page.
func draw(x, y axis, lines []line) (template.HTML, error) {
	colors := []string{"1f6feb", "d97706", "b3261e"}
	grid := chartdraw.Style{StrokeColor: drawing.ColorFromHex("e3e8ee"), StrokeWidth: 1}
	c := chartdraw.Chart{
		Width: plotWidth, Height: plotHeight,
		Background: chartdraw.Style{Padding: chartdraw.Box{Top: 12, Left: 12, Right: 12, Bottom: 8}},
		XAxis:      chartdraw.XAxis{Name: x.Name, Ticks: x.Ticks, Range: x.reach(), GridMajorStyle: grid, GridMinorStyle: grid},
		YAxis: chartdraw.YAxis{Ticks: y.Ticks, Range: y.reach(), GridMajorStyle: grid, GridMinorStyle: grid,
			AxisType: chartdraw.YAxisSecondary}, // the library's name for the left side
		YAxisSecondary: chartdraw.YAxis{Style: chartdraw.Hidden()},
	}
	for i, l := range lines {
		c.Series = append(c.Series, chartdraw.ContinuousSeries{
			Name: l.Name, XValues: l.X, YValues: l.Y,
			Style: chartdraw.Style{StrokeColor: drawing.ColorFromHex(colors[i%len(colors)]), StrokeWidth: 2},
		})
	}
	if len(lines) > 1 {
		c.Elements = []chartdraw.Renderable{chartdraw.Legend(&c)}
	}
	var b bytes.Buffer
	if err := c.Render(chartdraw.SVG, &b); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil
}
