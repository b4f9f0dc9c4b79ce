package reactor

import (
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Config is what a reactor may be told. The zero value of each field is its
// default.
type Config struct {
	Workers   int // loops; default one a CPU that Go may use
	PoolSize  int // goroutines per worker for what may block; default min(32, CPUs + 4)
	PoolQueue int // tasks that may wait per worker; default 1024
	Queue     int // events that may wait for one worker's loop; default 8192

	MessageBytes int // of one message, all fragments together; default 1 MiB. Over it: 1009
	Fragments    int // frames of one message; default 131,072. Over it: 1008
	MessageRate  int // messages and control frames a second of one connection; default no limit. Over it Conn.Exceeded, then 1008
	ByteRate     int // bytes of its frames, of each at least 64; default no limit. Likewise
	SendBuffer   int // bytes that may wait for one slow reader; default 256 KiB. Over it Offer refuses
	SocketBuffer int // bytes of each of the kernel's buffers, before it doubles them; default 64 KiB, at most for receiving 480 KiB

	Heartbeat        time.Duration // a connection silent for this long is pinged; default 20s
	HeartbeatTimeout time.Duration // and after this long closed; default 60s
	CloseTimeout     time.Duration // for a client to answer a close frame, from when it last took something; default 5s

	Log     *slog.Logger // default: nowhere
	Metrics *metrics.Set // default: a set that nobody reads
}

// complete returns the config with its defaults, or what is wrong with it.
func (c Config) complete() (Config, error) {
	cpus := runtime.GOMAXPROCS(0)
	numbers := []struct {
		name  string
		value *int
		usual int
	}{
		{"Workers", &c.Workers, cpus},
		{"PoolSize", &c.PoolSize, min(32, cpus+4)},
		{"PoolQueue", &c.PoolQueue, 1024},
		{"Queue", &c.Queue, 8192},
		{"MessageBytes", &c.MessageBytes, 1 << 20},
		{"Fragments", &c.Fragments, 1 << 17},
		{"MessageRate", &c.MessageRate, 0},
		{"ByteRate", &c.ByteRate, 0},
		{"SendBuffer", &c.SendBuffer, 256 << 10},
		{"SocketBuffer", &c.SocketBuffer, 64 << 10},
	}
	for _, n := range numbers {
		if *n.value < 0 {
			return c, fmt.Errorf("reactor: config: %s is %d: want a positive number, or 0 for the default %d", n.name, *n.value, n.usual)
		}
		if *n.value == 0 {
			*n.value = n.usual
		}
	}
	times := []struct {
		name  string
		value *time.Duration
		usual time.Duration
	}{
		{"Heartbeat", &c.Heartbeat, 20 * time.Second},
		{"HeartbeatTimeout", &c.HeartbeatTimeout, 60 * time.Second},
		{"CloseTimeout", &c.CloseTimeout, 5 * time.Second},
	}
	for _, d := range times {
		if *d.value == 0 {
			*d.value = d.usual
		}
		if *d.value < 10*time.Millisecond {
			return c, fmt.Errorf("reactor: config: %s is %s: want 10ms or more, or 0 for the default %s", d.name, *d.value, d.usual)
		}
	}
	if c.HeartbeatTimeout <= c.Heartbeat {
		return c, fmt.Errorf("reactor: config: HeartbeatTimeout %s is not longer than Heartbeat %s: a client could not answer the ping in time", c.HeartbeatTimeout, c.Heartbeat)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = metrics.NewSet()
	}
	return c, nil
}
