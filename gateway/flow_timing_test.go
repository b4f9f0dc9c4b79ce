package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/reactor"
)

// startNode is start for tests that must reach into the node: the real parts and
// the public listener, without the command line around them.
func startNode(t testing.TB, settings map[string]string) (*node, *gateway) {
	t.Helper()
	loaded, err := config.Load(config.Sources{Flags: settings})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{config: loaded.Config, log: newLogger(loaded.Config.Log, io.Discard), metrics: metrics.NewSet()}
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.stop(context.Background(), context.Background()); err != nil {
			t.Errorf("the node ended with: %v", err)
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = n.public.Serve(l) }() // until stop
	return n, &gateway{t: t, public: l.Addr().String()}
}

// saturate gives every pool tasks until it refuses them: all its goroutines are in
// one and its queue is full. wait is what a task does until free is closed. The
// function that it returns frees them; it may be called twice.
func saturate(t testing.TB, n *node, wait func(free <-chan struct{})) (release func()) {
	t.Helper()
	free := make(chan struct{})
	release = sync.OnceFunc(func() { close(free) })
	t.Cleanup(release) // before the node stops, which waits for its tasks
	for _, w := range n.reactor.Workers() {
		began := make(chan struct{}, n.config.Pool.Size)
		// First the goroutines: a task that only waits in the queue leaves one idle.
		for range n.config.Pool.Size {
			if err := w.Pool().TrySubmit(func() { began <- struct{}{}; wait(free) }); err != nil {
				t.Fatalf("an idle pool refuses: %v", err)
			}
			select {
			case <-began:
			case <-time.After(patience):
				t.Fatal("a task does not begin")
			}
		}
		for range n.config.Pool.Queue {
			if err := w.Pool().TrySubmit(func() { wait(free) }); err != nil {
				t.Fatalf("an empty queue refuses: %v", err)
			}
		}
		if err := w.Pool().TrySubmit(func() {}); !errors.Is(err, reactor.ErrPoolFull) {
			t.Fatalf("got %v, want ErrPoolFull", err)
		}
	}
	return release
}

// small pools are saturated with few tasks; how many there are is not the question.
var smallPools = map[string]string{"workers": "2", "pool.size": "4", "pool.queue": "16"}

// circle is some members of one group, on all workers; the first one speaks.
type circle []*client

func newCircle(g *gateway, members int) (f circle) {
	for range members {
		c := g.connect("chat")
		c.join("flow")
		f = append(f, c)
	}
	return f
}

// message sends one message and waits until every member has it and the sender its
// ack: the whole way, up and down.
func (f circle) message(n uint64) {
	sender, text := f[0], fmt.Sprint(n)
	sender.send(`{"type":"sendToGroup","group":"flow","dataType":"text","data":"%s","ackId":%d}`, text, n+2)
	for acked, got := false, false; !acked || !got; {
		switch m := sender.next(); {
		case m.Type == "ack" && m.Success && m.AckID == n+2:
			acked = true
		case m.Type == "message" && string(m.Data) == `"`+text+`"`:
			got = true
		default:
			sender.t.Fatalf("message %d: got %+v", n, m)
		}
	}
	for _, c := range f[1:] {
		if m := c.message("flow"); string(m.Data) != `"`+text+`"` {
			c.t.Fatalf("message %d: got %s", n, m.Data)
		}
	}
}

// TestFlowPastFullPools: with every goroutine of the pools blocked for ever and
// their queues full, new clients join, messages reach all members, and acks come.
func TestFlowPastFullPools(t *testing.T) {
	n, g := startNode(t, smallPools)
	release := saturate(t, n, func(free <-chan struct{}) { <-free })
	f := newCircle(g, 10)
	for i := range uint64(50) {
		f.message(i)
	}
	for i, w := range n.reactor.Workers() {
		if w.Connections() == 0 {
			t.Errorf("worker %d has nobody, so nothing was shown of it", i)
		}
		if err := w.Pool().TrySubmit(func() {}); !errors.Is(err, reactor.ErrPoolFull) {
			t.Errorf("worker %d: got %v, want ErrPoolFull", i, err)
		}
	}
	release()
	for _, w := range n.reactor.Workers() {
		eventually(t, "the pool takes work again", func() bool { return w.Pool().TrySubmit(func() {}) == nil })
	}
}

// BenchmarkFlowPastFullPools is the time of a message, from its publisher to ten
// members and back as an ack, beside pools that are full of slow tasks and beside
// idle ones, in turn on one node. The ratio is what counts.
func BenchmarkFlowPastFullPools(b *testing.B) {
	const turn = 200 // messages
	n, g := startNode(b, smallPools)
	f := newCircle(g, 10)
	sent := uint64(0)
	measure := func() time.Duration {
		began := time.Now()
		for range turn {
			f.message(sent)
			sent++
		}
		return time.Since(began)
	}
	measure() // warms up
	var idle, full time.Duration
	for b.Loop() {
		idle += measure()
		release := saturate(b, n, func(free <-chan struct{}) {
			for { // slow work: it wakes, does little and waits again
				select {
				case <-free:
					return
				case <-time.After(5 * time.Millisecond):
				}
			}
		})
		full += measure()
		release()
		for _, w := range n.reactor.Workers() {
			// The next turn is idle only when nobody is busy: as many as there are get a task.
			for range n.config.Pool.Size {
				done := make(chan struct{})
				eventually(b, "the pool takes work again", func() bool { return w.Pool().TrySubmit(func() { close(done) }) == nil })
				<-done
			}
		}
	}
	messages := float64(b.N) * turn
	b.ReportMetric(float64(idle.Microseconds())/messages, "idle-µs/msg")
	b.ReportMetric(float64(full.Microseconds())/messages, "full-µs/msg")
	b.ReportMetric(float64(full)/float64(idle), "full/idle")
	b.ReportMetric(0, "ns/op") // of both and the pools' filling: says nothing
}
