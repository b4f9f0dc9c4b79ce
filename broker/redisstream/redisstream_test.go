package redisstream

import (
	"log/slog"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a broker on a Redis.
func open(t testing.TB, url string, l broker.Limits, r broker.Receiver) *Broker {
	t.Helper()
	return openSweeping(t, url, time.Minute, l, r)
}

// openSweeping is open with a time for the sweep.
func openSweeping(t testing.TB, url string, sweep time.Duration, l broker.Limits, r broker.Receiver) *Broker {
	t.Helper()
	b, err := New(Config{
		URL: url, Prefix: "tg", Sweep: sweep, Probe: 500 * time.Millisecond,
		Limits: l, Receiver: r, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
