package main

import (
	"encoding/json"
	"io"
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is everything that a run found out: what the table, the JSON file and the
// HTML report show. Rates are of the measured time; faults and losses of the whole
// run, warm-up included.
type Result struct {
	Started time.Time `json:"started"`
	Plan    Plan      `json:"plan"`
	Machine string    `json:"machine"`
	Cut     bool      `json:"cut"` // ended early, by a signal

	Measured   float64    `json:"measured_seconds"`
	Connect    Connect    `json:"connect"`
	Publishes  Publishes  `json:"publishes"`
	Deliveries Deliveries `json:"deliveries"`
	Latency    Quantiles  `json:"latency"`      // from due to delivered
	Acks       Quantiles  `json:"ack_latency"`  // from due to acked
	Lateness   Quantiles  `json:"own_lateness"` // from due to sent: the harness's share of both
	Gateway    *Usage     `json:"gateway,omitempty"`
	Harness    Harness    `json:"harness"`

	Points  []Point  `json:"points"`  // a second each
	Samples []Sample `json:"samples"` // of the gateway, a second each

	Held     bool     `json:"held"`
	Failures []string `json:"failures"` // why the run failed, in words
	Notes    []string `json:"notes"`    // what a reader of the numbers should know
}

// Connect is how the connections came up: handshake and joins.
type Connect struct {
	Connections int     `json:"connections"`
	Seconds     float64 `json:"seconds"`
	PerSecond   float64 `json:"per_second"`
	Closed      int     `json:"closed"` // that did not live to the end
}

// Publishes is what the harness sent.
type Publishes struct {
	Intended   uint64  `json:"intended"`
	Sent       uint64  `json:"sent"`
	OnSchedule uint64  `json:"on_schedule"`
	Acked      uint64  `json:"acked"`
	Refused    uint64  `json:"refused"`
	PerSecond  float64 `json:"acked_per_second"`
}

// Deliveries is what the members received.
type Deliveries struct {
	Owed      uint64  `json:"owed"`
	Delivered uint64  `json:"delivered"`
	OnTime    uint64  `json:"on_time"`
	PerSecond float64 `json:"per_second"`
	Lost      uint64  `json:"lost"`
	Faults
}

// Harness is what the load itself cost.
type Harness struct {
	Cores   float64 `json:"cores"`   // CPU seconds a second
	Busy    float64 `json:"busy"`    // share of the time that the busiest loop had something to do
	Starved float64 `json:"starved"` // share of the time that a loop was ready and no processor was free
}

// Quantiles describe one histogram, in milliseconds.
type Quantiles struct {
	Count int64     `json:"count"`
	Mean  float64   `json:"mean_ms"`
	P50   float64   `json:"p50_ms"`
	P90   float64   `json:"p90_ms"`
	P99   float64   `json:"p99_ms"`
	P999  float64   `json:"p999_ms"`
	Max   float64   `json:"max_ms"`
	Curve []Percent `json:"curve,omitempty"`
}

// Percent is one point of a percentile curve.
type Percent struct {
	Percent      float64 `json:"percent"`
	Milliseconds float64 `json:"ms"`
}

// quantiles reads a histogram. The curve has the points where its value changes,
// denser towards the rare end, as HDR histograms are usually plotted.
func quantiles(h *hdrhistogram.Histogram) Quantiles {
	q := Quantiles{
		Count: h.TotalCount(), Mean: h.Mean() / 1000,
		P50: quantile(h, 50), P90: quantile(h, 90), P99: quantile(h, 99), P999: quantile(h, 99.9),
		Max: milliseconds(h.Max()),
	}
	for _, b := range h.CumulativeDistribution() {
		q.Curve = append(q.Curve, Percent{b.Quantile, milliseconds(b.ValueAt)})
	}
	return q
}

// machine names what the harness ran on, for whoever compares results.
func machine() string {
	return runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version() + ", " + plural(runtime.NumCPU(), "CPU")
}

// fill reads the sums of a finished run.
func (r *Result) fill(w *Window, losses Losses, measured time.Duration) {
	r.Measured = measured.Seconds()
	m := w.Measured
	r.Publishes = Publishes{m.Intended, m.Sent, m.OnSchedule, m.Acked, m.Refused, perSecond(m.Acked, r.Measured)}
	r.Deliveries = Deliveries{
		Owed: m.Owed, Delivered: m.Delivered, OnTime: m.OnTime,
		PerSecond: perSecond(m.Delivered, r.Measured), Lost: losses.Lost, Faults: w.Faults,
	}
	r.Connect.Closed = losses.Closed
	r.Latency, r.Acks, r.Lateness = quantiles(w.Latency), quantiles(w.Acks), quantiles(w.Lateness)
	r.Acks.Curve, r.Lateness.Curve = nil, nil // only one curve is shown
}

// perSecond is n a second, 0 of no time.
func perSecond(n uint64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}

// writeJSON writes the result as one indented JSON object.
func (r Result) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
