package api

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/VictoriaMetrics/metrics"
	"golang.org/x/sys/unix"
)

// serveMetrics is the page that Prometheus scrapes: the gateway's own metrics,
// then Go's and the process's.
func (c Config) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	var page bytes.Buffer
	c.Metrics.WritePrometheus(&page)
	metrics.WriteProcessMetrics(&page)
	writeDescriptors(&page)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	annotate(w, page.String())
}

// writeDescriptors is metrics.WriteFDMetrics, which lists all descriptors to count them: at
// 19,000 connections that holds a processor for 16 ms. Since Linux 6.2 the directory's
// size is their number; before it is 0.
func writeDescriptors(page *bytes.Buffer) {
	var limit unix.Rlimit
	all, err := os.Stat("/proc/self/fd")
	if err != nil || all.Size() == 0 || unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		metrics.WriteFDMetrics(page)
		return
	}
	metrics.WriteGaugeUint64(page, "process_max_fds", limit.Cur)
	metrics.WriteGaugeUint64(page, "process_open_fds", uint64(all.Size()))
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
