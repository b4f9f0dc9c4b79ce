package redisstream

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker/brokertest"
)

// forwarder is a name that moves: connections go to where it pointed when they were
// made, and stay there.
type forwarder struct {
	listener net.Listener
	mu       sync.Mutex // guards to
	to       string
}

func newForwarder(t *testing.T, to string) *forwarder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarder{listener: l, to: to}
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			ended.Go(func() { f.join(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); ended.Wait() })
	return f
}

// point has new connections go elsewhere.
func (f *forwarder) point(to string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.to = to
}

func (f *forwarder) join(in net.Conn) {
	defer in.Close()
	f.mu.Lock()
	to := f.to
	f.mu.Unlock()
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	var ended sync.WaitGroup
	ended.Go(func() {
		_, _ = io.Copy(out, in)
		_ = out.Close()
	})
	_, _ = io.Copy(in, out)
	_ = in.Close()
	ended.Wait()
}

// TestNameMoves: a name becomes another server's, as with a managed Redis whose master
// is replaced. The old one stays as a replica and keeps its connections, all of them
// healthy; the node must leave it by itself.
func TestNameMoves(t *testing.T) {
	quick := []string{"--repl-diskless-sync-delay", "0"}
	was, is := brokertest.StartRedis(t, quick...), brokertest.StartRedis(t, quick...)
	replicate := func(r, of *brokertest.Redis) {
		host, port, _ := net.SplitHostPort(of.Addr())
		r.CLI("REPLICAOF", host, port)
		eventually(t, "the replica follows", func() bool {
			return strings.Contains(r.CLI("INFO", "replication"), "master_link_status:up")
		})
	}
	replicate(is, was)
	name := newForwarder(t, was.Addr())
	l := startLoad(t, "redis://"+name.listener.Addr().String(), 3, 2*time.Millisecond)
	name.point(is.Addr())
	is.CLI("REPLICAOF", "NO", "ONE")
	replicate(was, is)
	l.flowing()
	l.finish()
}
