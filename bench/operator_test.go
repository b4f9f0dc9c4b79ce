package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestReadSample(t *testing.T) {
	f := func(text string, cpu, rss float64, want string) {
		t.Helper()
		s, err := readSample(strings.NewReader(text))
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want an error with %q", text, err, want)
			}
			return
		}
		if err != nil || s.CPU != cpu || s.RSS != rss {
			t.Errorf("%q: %+v, %v; want %g and %g", text, s, err, cpu, rss)
		}
	}
	f("process_cpu_seconds_total 1.5\nprocess_resident_memory_bytes 2048\n", 1.5, 2048, "")
	f("# TYPE process_cpu_seconds_total counter\nprocess_resident_memory_bytes 1.5e+06 1700000000000\nx{a=\"b c\"} 1\n\nprocess_cpu_seconds_total 7", 7, 1.5e6, "")
	f("process_cpu_seconds_total 1.5\n", 0, 0, "no process_resident_memory_bytes")
	f("", 0, 0, "is --operator the gateway's operator listener?")
	f("process_cpu_seconds_total much\n", 0, 0, "process_cpu_seconds_total")
	f("process_cpu_seconds_total_x 1\nprocess_resident_memory_bytes 1\n", 0, 0, "no process_cpu_seconds_total")
}

func TestOperatorStatus(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	op := newOperator(srv.URL + "/")
	defer op.Close()
	if _, err := op.Sample(t.Context()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v, want an error with the status", err)
	}
}

func TestUsage(t *testing.T) {
	at := func(second int, cpu, rss float64) Sample {
		return Sample{At: time.Duration(second) * time.Second, CPU: cpu, RSS: rss}
	}
	f := func(samples []Sample, want *Usage) {
		t.Helper()
		got := usage(samples, 2*time.Second, 6*time.Second, Sample{RSS: 50})
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%+v: %+v, want %+v", samples, got, want)
		}
	}
	f(nil, nil)
	f([]Sample{at(3, 1, 100)}, nil)
	f([]Sample{at(0, 0, 100), at(1, 9, 100), at(7, 9, 100)}, nil) // none of the measured time
	// The warm-up's and the tail's CPU do not count; the memory does.
	f([]Sample{at(1, 10, 100), at(2, 20, 200), at(4, 21, 300), at(6, 22, 250), at(7, 99, 400)},
		&Usage{Cores: 0.5, RSS: 400, BaseRSS: 50})
}
