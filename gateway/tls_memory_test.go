package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// resident is the process's resident memory, in KiB.
func (p *process) resident() (kib float64) {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			_, _ = fmt.Sscan(value, &kib)
		}
	}
	return kib
}

// BenchmarkTLSMemory is what a thousand idle clients cost the gateway, each with a session
// and a group of its own: over TLS, after each has said 16 KiB over TLS, and without TLS.
// It wants -benchtime 1x, and a test binary without the race detector.
func BenchmarkTLSMemory(b *testing.B) {
	const clients = 1000
	f := func(b *testing.B, flags []string, connect func(*gateway) *client, words int) {
		p := spawn(b, flags...)
		connect(p.gateway).join("first")
		before := p.resident()
		for i := range clients {
			c := connect(p.gateway)
			c.join(fmt.Sprint("g", i))
			if words > 0 {
				c.send(`{"type":"sendToGroup","group":"none","dataType":"text","data":%q,"ackId":2}`, strings.Repeat("x", words))
				c.ack(2)
			}
		}
		b.ReportMetric((p.resident()-before)/clients, "KiB/client")
	}
	cert := newCertified(b, 1)
	secure := func(g *gateway) *client { return g.connectTLS(cert) }
	plain := func(g *gateway) *client { return g.connect("chat") }
	b.Run("tls", func(b *testing.B) { f(b, cert.flags(), secure, 0) })
	b.Run("tls,16KiB", func(b *testing.B) { f(b, cert.flags(), secure, 16<<10) })
	b.Run("plain", func(b *testing.B) { f(b, nil, plain, 0) })
	b.Run("plain,16KiB", func(b *testing.B) { f(b, nil, plain, 16<<10) })
}
