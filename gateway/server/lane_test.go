package server

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/memory"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/reactor"
)

// patience is how long a test waits for what must come; only a failure takes it.
const patience = 30 * time.Second

// node is a server on a reactor and the memory broker.
type node struct {
	*Server
	t       testing.TB
	address string
	spoken  int // messages that were published
}

// start is a node that ends with the test.
func start(t testing.TB, workers, capacity int) *node {
	t.Helper()
	set, log := metrics.NewSet(), slog.New(slog.DiscardHandler)
	r, err := reactor.New(reactor.Config{Workers: workers, PoolSize: 2, Metrics: set, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := auth.ParseGroups([]string{"g"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		Hubs: []string{"chat"}, Presence: kept, Workers: r.Workers(), Adopt: r.Adopt, Log: log, Metrics: set, Linger: time.Minute,
		Limits:   Limits{Connections: 100, GroupsPerConnection: 10, GroupNameBytes: 100, Groups: 100, Unacked: 1024, Detached: 100},
		Sessions: Sessions{Expiry: time.Minute, Checkpoint: time.Minute},
		Broker: func(receiver broker.Receiver) (broker.Broker, error) {
			limits := broker.Limits{Capacity: capacity, GroupExpiry: time.Hour, QueueMessages: 1 << 20, QueueBytes: 1 << 30}
			return memory.New(memory.Config{Limits: limits, Receiver: receiver, Log: log, Metrics: set})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.Mount(mux)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := &http.Server{Handler: mux}
	go func() { _ = web.Serve(l) }()
	t.Cleanup(func() {
		web.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.Shutdown(ctx, ws.StatusGoingAway, ""); err != nil {
			t.Error("Shutdown:", err)
		}
		if err := s.Close(); err != nil {
			t.Error("Close:", err)
		}
	})
	return &node{Server: s, t: t, address: l.Addr().String()}
}

// member connects a client of bare payloads that is in group g.
func (n *node) member() *bufio.ReadWriter {
	n.t.Helper()
	conn, buffered, _, err := ws.Dial(n.t.Context(), "ws://"+n.address+"/client/hubs/chat?webpubsub_mode=sendToGroup&group=g")
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		n.t.Fatal(err)
	}
	if buffered == nil {
		buffered = bufio.NewReader(conn)
	}
	return bufio.NewReadWriter(buffered, bufio.NewWriter(conn))
}

// say publishes so many messages, numbered on.
func (n *node) say(count int) {
	n.t.Helper()
	for range count {
		m := &broker.Message{Group: broker.Group{Hub: "chat", Name: "g"}, Type: broker.Text, Data: fmt.Append(nil, n.spoken)}
		if _, err := n.relay.broker.Publish([]broker.Publication{{Message: m}}); err != nil {
			n.t.Fatal(err)
		}
		n.spoken++
	}
}

// hear reads messages, numbered from first to before last.
func hear(member *bufio.ReadWriter, first, last int) error {
	for want := first; want < last; want++ {
		got, _, err := wsutil.ReadServerData(member)
		if err != nil || string(got) != fmt.Sprint(want) {
			return fmt.Errorf("got %q, %w, want %d", got, err, want)
		}
	}
	return nil
}

// hold stops a worker's loop until release is called, and has it do something then.
func (n *node) hold(worker int, then ...func()) (release func()) {
	n.t.Helper()
	held, end := make(chan struct{}), make(chan struct{})
	if err := n.Workers[worker].Post(func(*reactor.Worker) {
		close(held)
		<-end
		for _, f := range then {
			f()
		}
	}); err != nil {
		n.t.Fatal(err)
	}
	<-held
	return func() { close(end) }
}

// metric is the sum of a metric's samples.
func (n *node) metric(name string) (sum float64) {
	var page strings.Builder
	n.Metrics.WritePrometheus(&page)
	for line := range strings.Lines(page.String()) {
		var value float64
		if fields := strings.Fields(line); strings.HasPrefix(line, name) && len(fields) == 2 {
			fmt.Sscan(fields[1], &value)
			sum += value
		}
	}
	return sum
}

// together starts a node of two workers with a member on each, both in the group.
func together(t *testing.T) (n *node, members [2]*bufio.ReadWriter) {
	n = start(t, 2, 4*laneMessages)
	for i := range members {
		members[i] = n.member()
		n.await(i + 1) // so that the next connection goes to the other worker
	}
	n.say(1)
	for _, m := range members {
		if err := hear(m, 0, 1); err != nil {
			t.Fatal(err)
		}
	}
	return n, members
}

// await waits until so many members are in the group.
func (n *node) await(members int) {
	n.t.Helper()
	for deadline := time.Now().Add(patience); n.inGroup() < members; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			n.t.Fatal("the members are not in the group")
		}
	}
}

// inGroup is how many members the group has.
func (n *node) inGroup() int {
	t := n.relay.lookup(broker.Group{Hub: "chat", Name: "g"})
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return int(t.wanted[simplePlain])
}

// TestStuckWorker: a worker that does not come round holds up nobody on the other, and
// when it does its members get all the same, in order, though its lane was full; also
// if the last that was said is what it missed, and if more is said meanwhile.
func TestStuckWorker(t *testing.T) {
	n, members := together(t)
	for _, more := range []int{0, 100} {
		first := n.spoken
		release := n.hold(0)
		n.say(laneMessages + 5000)
		heard := make(chan error, 1)
		go func() { heard <- hear(members[1], first, n.spoken) }()
		err := <-heard
		if got := n.metric("tidegate_handover_messages"); got > laneMessages+1024 {
			t.Errorf("%g messages wait for the worker, more than its bound and a batch", got)
		}
		release()
		if err != nil {
			t.Fatal("while the other worker is stuck:", err)
		}
		n.say(more)
		if err := hear(members[0], first, n.spoken); err != nil {
			t.Fatal("after the worker was stuck:", err)
		}
		n.say(1) // live again
		if err := hear(members[0], n.spoken-1, n.spoken); err != nil {
			t.Error(err)
		}
		if err := hear(members[1], n.spoken-1-more, n.spoken); err != nil {
			t.Error("on the other worker:", err)
		}
	}
	if n.metric("tidegate_handover_missed_total") == 0 {
		t.Error("nothing was missed: the test shows nothing")
	}
}

// batch is one message of group g, as if it had just been read for worker 0.
func (n *node) batch() (*handover, *topic) {
	t := n.relay.lookup(broker.Group{Hub: "chat", Name: "g"})
	h := n.relay.newHandover()
	h.deliveries = append(h.deliveries, delivery{relay: n.relay, topic: t, messages: 1})
	h.deliveries[0].workers.add(0)
	return h, t
}

// TestMissedStaysMissed: once a worker has missed a message of a group, it gets no later
// one before its members were made late, though there is room again.
func TestMissedStaysMissed(t *testing.T) {
	n, members := together(t)
	release := n.hold(0)
	l := &n.relay.lanes[0]
	h, g := n.batch()
	l.mu.Lock()
	l.miss(g, 1)
	l.mu.Unlock()
	if l.admit(h, true) || !h.deliveries[0].workers.empty() {
		t.Error("a later message overtook the one that was missed")
	}
	release()
	n.say(1)
	if err := hear(members[0], 1, 2); err != nil {
		t.Error(err)
	}
}

// TestMissedByIdle: a worker that has run all that was on its lane, just when a message
// found it full, comes back to it.
func TestMissedByIdle(t *testing.T) {
	n, members := together(t)
	h, _ := n.batch()
	n.relay.lanes[0].pass(h, true)
	for deadline := time.Now().Add(patience); n.metric("tidegate_caught_up_total") == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody comes back to what was missed")
		}
	}
	n.say(1)
	if err := hear(members[0], 1, 2); err != nil {
		t.Error(err)
	}
}

// TestAllWorkersStuck: with every lane full the broker's reader waits, and nothing is
// missed.
func TestAllWorkersStuck(t *testing.T) {
	n, members := together(t)
	one, other := n.hold(0), n.hold(1)
	n.say(laneMessages + 5000)
	for deadline := time.Now().Add(patience); n.metric("tidegate_handover_waits_total") == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the broker's reader does not wait")
		}
	}
	one()
	other()
	heard := make(chan error, len(members))
	for _, m := range members {
		go func() { heard <- hear(m, 1, n.spoken) }()
	}
	for range members {
		if err := <-heard; err != nil {
			t.Error(err)
		}
	}
}
