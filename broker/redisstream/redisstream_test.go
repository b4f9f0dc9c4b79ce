package redisstream

import (
	"cmp"
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

// openWith opens a broker with what is set in a configuration, for the rest of the test.
func openWith(t testing.TB, c Config) *Broker {
	t.Helper()
	c.Prefix = cmp.Or(c.Prefix, "tg")
	c.Sweep, c.Probe, c.Limits = time.Minute, 500*time.Millisecond, limits()
	c.Log, c.Metrics = slog.New(slog.DiscardHandler), metrics.NewSet()
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}
