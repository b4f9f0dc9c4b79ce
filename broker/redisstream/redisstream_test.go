package redisstream

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
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

func TestBroker(t *testing.T) {
	redis := brokertest.StartRedis(t)
	another := func(t testing.TB, l broker.Limits, r broker.Receiver) broker.Broker {
		return open(t, redis.URL(), l, r)
	}
	brokertest.Run(t, brokertest.Suite{
		New: func(t testing.TB, l broker.Limits, r broker.Receiver) broker.Broker {
			redis.CLI("FLUSHALL")
			return another(t, l, r)
		},
		Another: another,
	})
}

// TestURL: a URL that cannot be right is refused at once, and in words.
func TestURL(t *testing.T) {
	f := func(url, want string) {
		t.Helper()
		if _, err := options(url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
	f("redis-sentinel://h/master", "not supported yet")
	f("redis-cluster://h", "not supported yet")
	f("redis://h:port", "broker's URL")
	f("redis://h/x", "broker's URL")
	o, err := options("rediss://user:pass@h:1/3")
	if err != nil || o.TLSConfig == nil || o.Username != "user" || o.Password != "pass" || o.DB != 3 || o.MaxRetries != -1 {
		t.Errorf("%+v, %v", o, err)
	}
}
