package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The two lines of /metrics that every Prometheus client library exports.
const (
	cpuMetric = "process_cpu_seconds_total"
	rssMetric = "process_resident_memory_bytes"
)

// Sample is what the gateway's operator listener said at one time.
type Sample struct {
	At  time.Duration `json:"at_ns"` // since the start of the run
	CPU float64       `json:"cpu_seconds"`
	RSS float64       `json:"rss_bytes"`
}

// Operator asks the gateway's operator listener what the gateway costs. The zero
// value asks nobody.
type Operator struct {
	URL    string
	Client http.Client
}

// newOperator returns the operator listener at base, with a bound on each answer.
func newOperator(base string) *Operator {
	return &Operator{
		URL: strings.TrimSuffix(base, "/"),
		// Bounded well above a second: a gateway under full load answers late, and a
		// late sample still has the right CPU time for its own time.
		Client: http.Client{
			Timeout:   2 * time.Second,
			Transport: &http.Transport{MaxIdleConns: 1, DisableCompression: true},
		},
	}
}

// Known reports whether there is somebody to ask.
func (o *Operator) Known() bool { return o.URL != "" }

// Sample asks once and waits for the answer, two seconds at most.
func (o *Operator) Sample(ctx context.Context) (s Sample, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.URL+"/metrics", nil)
	if err != nil {
		return s, err
	}
	resp, err := o.Client.Do(req)
	if err != nil {
		return s, fmt.Errorf("asking the operator listener: %w; check --operator, or leave it out and do without CPU and RSS", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return s, fmt.Errorf("%s/metrics answered %s; check --operator", o.URL, resp.Status)
	}
	return readSample(resp.Body)
}

// Watch samples each second until ctx ends, and returns all samples. What fails
// is left out: a loaded gateway may be late once.
func (o *Operator) Watch(ctx context.Context, since time.Time) (samples []Sample) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if s, err := o.Sample(ctx); err == nil {
			s.At = time.Since(since)
			samples = append(samples, s)
		}
		select {
		case <-ctx.Done():
			return samples
		case <-tick.C:
		}
	}
}

// Close gives back the connection that is kept for the next sample.
func (o *Operator) Close() { o.Client.CloseIdleConnections() }

// readSample reads the Prometheus text format, as far as we need it. Both lines
// must be there.
func readSample(r io.Reader) (s Sample, err error) {
	want := map[string]*float64{cpuMetric: &s.CPU, rssMetric: &s.RSS}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || want[fields[0]] == nil {
			continue
		}
		if *want[fields[0]], err = strconv.ParseFloat(fields[1], 64); err != nil {
			return s, fmt.Errorf("metric %s: %w", fields[0], err)
		}
		delete(want, fields[0])
	}
	for name := range want {
		return s, fmt.Errorf("/metrics has no %s; is --operator the gateway's operator listener?", name)
	}
	return s, lines.Err()
}

// Usage is what the samples between two times add up to.
type Usage struct {
	Cores   float64 `json:"cores"`     // CPU seconds a second
	RSS     float64 `json:"rss_bytes"` // the most that was seen
	BaseRSS float64 `json:"base_rss_bytes"`
}

// usage puts the samples of the measured time together; nil if there are not two.
func usage(samples []Sample, from, to time.Duration, base Sample) *Usage {
	var first, last *Sample
	u := &Usage{BaseRSS: base.RSS}
	for i, s := range samples {
		u.RSS = max(u.RSS, s.RSS)
		if s.At < from || s.At > to {
			continue
		}
		if first == nil {
			first = &samples[i]
		}
		last = &samples[i]
	}
	if first == nil || first == last {
		return nil
	}
	u.Cores = (last.CPU - first.CPU) / (last.At - first.At).Seconds()
	return u
}
