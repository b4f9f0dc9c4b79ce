package reactor

import (
	"bytes"
	"log/slog"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gobwas/ws"
	"github.com/lesismal/nbio/logging"
)

func TestConfig(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		if r, err := New(c); err == nil {
			_ = r.Shutdown(t.Context(), 1001, "")
			t.Errorf("no error, want %q", want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q in it", err, want)
		}
	}
	f(Config{Workers: -1}, "Workers is -1")
	f(Config{PoolSize: -2}, "PoolSize is -2")
	f(Config{MessageRate: -1}, "MessageRate is -1")
	f(Config{Queue: -1}, "0 for the default 8192")
	f(Config{CloseTimeout: -time.Second}, "CloseTimeout is -1s")
	f(Config{Heartbeat: time.Millisecond}, "want 10ms or more")
	f(Config{Heartbeat: time.Minute}, "HeartbeatTimeout 1m0s is not longer than Heartbeat 1m0s")

	c, err := Config{}.complete()
	if err != nil {
		t.Fatal(err)
	}
	if want := runtime.GOMAXPROCS(0); c.Workers != want || c.PoolSize != min(32, want+4) {
		t.Errorf("%d workers with %d in the pool by default", c.Workers, c.PoolSize)
	}
	if c.Fragments <= 65536 {
		t.Errorf("%d fragments by default; 65536 are legal", c.Fragments)
	}
	if kernel := 2*maxReceive + 64<<10; reads*readBuffer < kernel {
		t.Errorf("nbio reads %d bytes of what may be %d", reads*readBuffer, kernel)
	}
}

// TestMetrics: every metric is there from the start, is what its name says, and
// is labelled as the operator's manual has it.
func TestMetrics(t *testing.T) {
	set := metrics.NewSet()
	r := start(t, Config{Workers: 2, Metrics: set})
	c := connect(t, r, newPeer(echo))
	send(t, c, join(frame(ws.OpText, "hello"), frame(ws.OpPing, ""), frame(ws.OpPong, "")))
	expect(t, c, join(answer(ws.OpText, "hello"), answer(ws.OpPong, "")))
	for _, w := range r.Workers() {
		on(t, w, func(*Worker) {}) // the counts are made when the turn ends
	}
	var b bytes.Buffer
	set.WritePrometheus(&b)
	text := b.String()
	f := func(line string) {
		t.Helper()
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(line) + `$`).MatchString(text) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
	f(`tidegate_worker_connections{worker="0"} 1`)
	f(`tidegate_worker_connections{worker="1"} 0`)
	f(`tidegate_worker_queue_depth{worker="1"} 0`)
	f(`tidegate_worker_queue_waits_total{worker="1"} 0`)
	f(`tidegate_worker_queue_refused_total{worker="1"} 0`)
	f(`tidegate_worker_restarts_total{worker="1"} 0`)
	f(`tidegate_received_bytes_total{worker="0"} 23`)
	f(`tidegate_received_frames_total{worker="0"} 3`)
	f(`tidegate_sent_bytes_total{worker="0"} 9`)
	f(`tidegate_sent_frames_total{worker="0"} 2`)
	f(`tidegate_rate_exceeded_total{worker="1"} 0`)
	f(`tidegate_closes_total{reason="rate_limit"} 0`)
	f(`tidegate_closes_total{reason="slow_reader"} 0`)
	f(`tidegate_panics_total{where="handler"} 0`)
	f(`tidegate_pool_busy{worker="0"} 0`)
	f(`tidegate_pool_queue_depth{worker="0"} 0`)
	f(`tidegate_pool_refused_total{worker="0"} 0`)
}

// TestEngineLog: nbio's lines come out of slog, at the levels that they deserve.
func TestEngineLog(t *testing.T) {
	var j journal
	start(t, Config{Workers: 1, Log: slog.New(slog.NewTextHandler(&j, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	f := func(log func(format string, v ...any), level string) {
		t.Helper()
		log("fd %d of %s", 7, level)
		if want := `level=` + level + ` msg="fd 7 of ` + level + `"`; !j.has(want) {
			t.Errorf("no %s in the log", want)
		}
	}
	f(logging.Debug, "DEBUG")
	f(logging.Warn, "WARN")
	f(logging.Error, "ERROR")
	logging.Info("started")
	if !j.has("level=DEBUG msg=started") {
		t.Error("what nbio calls information is not at debug")
	}
}

// TestBacklog: nbio's buffers keep what is in them when they grow.
func TestBacklog(t *testing.T) {
	var a backlog
	b := a.Malloc(3)
	copy(*b, "abc")
	if len(*b) != 3 || cap(*b) != 3 { // no more than what waits
		t.Errorf("length %d, room for %d", len(*b), cap(*b))
	}
	b = a.AppendString(a.Append(b, 'd', 'e'), "fg")
	if string(*b) != "abcdefg" {
		t.Errorf("got %q", *b)
	}
	if b = a.Realloc(b, 2); string(*b) != "ab" {
		t.Errorf("got %q", *b)
	}
	if b = a.Realloc(b, 100); len(*b) != 100 || string((*b)[:2]) != "ab" {
		t.Errorf("got %q", *b)
	}
	a.Free(b)
	if b = a.Malloc(0); len(*b) != 0 {
		t.Errorf("got %q", *b)
	}
}
