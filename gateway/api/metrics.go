package api

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// serveMetrics is the page that Prometheus scrapes: the gateway's own metrics,
// then Go's and the process's.
func (c Config) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	var page bytes.Buffer
	c.Metrics.WritePrometheus(&page)
	metrics.WriteProcessMetrics(&page)
	metrics.WriteFDMetrics(&page)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	annotate(w, page.String())
}

// annotate writes the page with the help texts, which the metrics library leaves
// empty, and with the type counter for what it counts and calls a gauge. The few
// runtime metrics whose names end in _count, which is a histogram's, are left out:
// promtool refuses the whole page for them.
func annotate(w io.Writer, page string) {
	var out strings.Builder
	out.Grow(len(page) + len(page)/4)
	misnamed := false
	for line := range strings.Lines(page) {
		family, isHelp := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "# HELP ")
		if isHelp {
			misnamed = strings.HasSuffix(family, "_count")
			text, ours := help[family]
			if !ours {
				text = otherHelp
			}
			line = "# HELP " + family + " " + text + "\n"
		} else if strings.HasPrefix(line, "# TYPE ") && strings.HasSuffix(line, "_total gauge\n") {
			line = strings.TrimSuffix(line, "gauge\n") + "counter\n"
		}
		if !misnamed {
			out.WriteString(line)
		}
	}
	_, _ = io.WriteString(w, out.String())
}
