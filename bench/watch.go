package main

import (
	"context"
	"strings"
	"time"
)

// filesMetric is a line of /metrics that every Prometheus client library exports.
const filesMetric = "process_open_fds"

const (
	// watchEvery is how often the gateway is looked at: what was most is no more exact.
	watchEvery = 500 * time.Millisecond
	// sparedFiles may be open at the end beyond those at the beginning: newcomers on their
	// way out, and whoever asks.
	sparedFiles = 20
)

// watch looks at a gateway's own figures. Owned by one goroutine.
type watch struct {
	op    *Operator
	siege *Siege

	first, last        Metrics
	since              time.Time
	cores              float64
	mostRSS, mostFiles float64
}

// begin begins a phase.
func (w *watch) begin(ctx context.Context) (err error) {
	w.mostRSS, w.mostFiles = 0, 0
	w.since = time.Now()
	w.first, err = w.op.Metrics(ctx)
	return err
}

// look notes what is most. A gateway that is late with an answer is asked again next time.
func (w *watch) look(ctx context.Context) {
	m, err := w.op.Metrics(ctx)
	if err != nil {
		return
	}
	w.last = m
	w.mostRSS, w.mostFiles = max(w.mostRSS, m[rssMetric]), max(w.mostFiles, m[filesMetric])
}

// finish ends a phase.
func (w *watch) finish(ctx context.Context) error {
	m, err := w.op.Metrics(ctx)
	if err != nil {
		return err
	}
	w.last = m
	w.mostRSS, w.mostFiles = max(w.mostRSS, m[rssMetric]), max(w.mostFiles, m[filesMetric])
	w.cores = (m[cpuMetric] - w.first[cpuMetric]) / time.Since(w.since).Seconds()
	return nil
}

// settle waits until the gateway has let go of what the offenders had, and notes what it
// has then.
func (w *watch) settle(ctx context.Context) error {
	s := w.siege
	for deadline := time.Now().Add(givenBack); ctx.Err() == nil && time.Now().Before(deadline); pause(ctx, watchEvery) {
		w.look(ctx)
		if w.last[filesMetric] <= s.Files.Before+sparedFiles {
			break
		}
	}
	s.Memory.After, s.Files.After = w.last[rssMetric], w.last[filesMetric]
	return ctx.Err()
}

// counted is what the gateway counted of closes, errors and its limits between two looks.
func counted(before, after Metrics) Metrics {
	m := Metrics{}
	for series, v := range after {
		counter := strings.HasSuffix(series, "_total") || strings.Contains(series, "_total{")
		if grown := v - before[series]; counter && grown > 0 && interesting(series) {
			m[series] = grown
		}
	}
	return m
}

// interesting reports whether a series has to do with clients that are turned away.
func interesting(series string) bool {
	for _, part := range []string{"app_errors", "tidegate_closes", "tidegate_tokens_refused", "tidegate_handshake", "tidegate_fell_behind", "tidegate_rate"} {
		if strings.HasPrefix(series, part) {
			return true
		}
	}
	return false
}
