package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Metrics is what the operator listener's /metrics said at one time: by series, as
// it is written there, labels and all.
type Metrics map[string]float64

// Metrics asks once and waits for the answer, two seconds at most.
func (o *Operator) Metrics(ctx context.Context) (Metrics, error) {
	body, err := o.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return readMetrics(body)
}

// get opens a page of the operator listener; the caller closes it.
func (o *Operator) get(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.URL+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := o.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking the operator listener: %w; check --operator", err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s%s answered %s; check --operator", o.URL, path, resp.Status)
	}
	return resp.Body, nil
}

// readMetrics reads the Prometheus text format without timestamps. Lines whose
// value is no number are left out.
func readMetrics(r io.Reader) (Metrics, error) {
	m := Metrics{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			m[line[:at]] = v
		}
	}
	return m, lines.Err()
}

// Sum adds up all series of a name.
func (m Metrics) Sum(name string) (sum float64) {
	for _, v := range m.By(name) {
		sum += v
	}
	return sum
}

// By returns the series of a name, by what stands between the braces; by "" one that
// has no labels.
func (m Metrics) By(name string) map[string]float64 {
	by := map[string]float64{}
	for series, v := range m {
		rest, ok := strings.CutPrefix(series, name)
		if ok && (rest == "" || rest[0] == '{') {
			by[strings.Trim(rest, "{}")] = v
		}
	}
	return by
}
