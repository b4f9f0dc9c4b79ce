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

// TestNameMovesUnfenced: a name becomes another server's, and the old one goes on taking
// writes from those who are connected to it. As soon as one connection is made anew the node
// leaves the old server with all of them: what it says then goes to one server, and is read
// from there.
func TestNameMovesUnfenced(t *testing.T) {
	was, is := brokertest.StartRedis(t), brokertest.StartRedis(t)
	name := newForwarder(t, was.Addr())
	l := startLoad(t, "redis://"+name.listener.Addr().String(), 3, 2*time.Millisecond)
	name.point(is.Addr())
	var streaming []string
	eventually(t, "a connection has read or written a stream", func() bool {
		streaming = clients(was, "cmd=x")
		return len(streaming) > 0
	})
	was.CLI("CLIENT", "KILL", "ID", streaming[0])
	left := map[string]bool{}
	eventually(t, "a node has left the old server", func() bool {
		for _, b := range l.nodes {
			if run := b.layout.Load().slots[0].run.Load(); run != nil {
				left[*run] = true
			}
		}
		return len(left) == 2
	})
	// The other node has no reason to look before its connections end.
	was.CLI("CLIENT", "KILL", "TYPE", "pubsub")
	l.flowing()
	l.finish()
}

// clients is the ids of a server's connections whose line has a text.
func clients(r *brokertest.Redis, with string) (ids []string) {
	for line := range strings.Lines(r.CLI("CLIENT", "LIST")) {
		if id, rest, _ := strings.Cut(strings.TrimPrefix(line, "id="), " "); strings.Contains(rest, with) {
			ids = append(ids, id)
		}
	}
	return ids
}
