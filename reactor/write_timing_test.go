package reactor

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkWrite is why sendNow exists: the same frame to the same 100 clients, by
// the raw call and by nbio's, in turn within one run and on one processor, so that
// the ratio does not depend on what else the machine does. The clients are read
// out by bare reads between the rounds.
func BenchmarkWrite(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := start(b, Config{Workers: 1, Heartbeat: time.Hour, HeartbeatTimeout: 2 * time.Hour})
	w := r.Workers()[0]
	var conns []*Conn
	var clients []int
	for range 100 {
		h := newPeer(nil)
		c := connect(b, r, h)
		raw, err := c.SyscallConn()
		if err != nil {
			b.Fatal(err)
		}
		_ = raw.Control(func(fd uintptr) { clients = append(clients, int(fd)) })
		conns = append(conns, within(b, "Open", h.conn))
	}
	f := NewFrame(make([]byte, 100), false)
	buffer := make([]byte, 4096)
	round := func(write func(c *Conn)) (spent time.Duration) {
		on(b, w, func(*Worker) {
			began := time.Now()
			for _, c := range conns {
				write(c)
			}
			spent = time.Since(began)
		})
		for _, fd := range clients {
			_, _ = unix.Read(fd, buffer)
		}
		return spent
	}
	ways := []func(c *Conn){
		func(c *Conn) { sendNow(int(c.fd), f.encoded) },
		func(c *Conn) { c.copied += int32(f.Len()); _, _ = c.nc.Write(f.encoded) },
	}
	var spent [2]time.Duration
	for i := 0; b.Loop(); i++ {
		spent[i%2] += round(ways[i%2])
		spent[1-i%2] += round(ways[1-i%2])
	}
	for _, c := range conns {
		if c.state != open {
			b.Fatal("a client was lost")
		}
	}
	writes := float64(b.N * len(conns))
	b.ReportMetric(float64(spent[0].Nanoseconds())/writes, "raw-ns/write")
	b.ReportMetric(float64(spent[1].Nanoseconds())/writes, "nbio-ns/write")
	b.ReportMetric(float64(spent[1])/float64(spent[0]), "nbio/raw")
}
