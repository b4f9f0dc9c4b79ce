package presence

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/memory"
	"github.com/tidegate/tidegate/broker/redisstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline is how long a test waits for what must happen.
const deadline = 30 * time.Second

// lease is short, so that a dead node is found soon.
const lease = 2 * time.Second

var lobby = broker.Group{Hub: "chat", Name: "lobby"}

// node is a Keeper on a broker of its own, and what its watchers see.
type node struct {
	t      testing.TB
	name   string
	keeper *Keeper
	broker broker.Broker
	set    *metrics.Set
	stop   context.CancelFunc // ends the lease
	leased chan struct{}

	mu    sync.Mutex // guards what follows
	views map[*view]struct{}
}

// view is what one watcher has been told.
type view struct {
	group   broker.Group
	worker  int
	begun   bool
	members map[string]string
	log     []string // joins and leaves, in order
}

// workers is how many each node has.
const workers = 2

// start opens a broker and starts a Keeper on it.
func start(t testing.TB, name, url string) *node {
	t.Helper()
	n := &node{t: t, name: name, views: make(map[*view]struct{}), set: metrics.NewSet()}
	n.keeper = New(Config{
		Node: name, Lease: lease, Workers: workers, Output: Output{Snapshot: n.onSnapshot, Changed: n.onChanged},
		Log: slog.New(slog.DiscardHandler), Metrics: n.set,
	})
	limits := broker.Limits{Capacity: 1000, GroupExpiry: time.Hour, QueueMessages: 10_000, QueueBytes: 64 << 20, WriteTimeout: time.Second}
	receiver := broker.Receiver{
		Published: func(outcomes []broker.Outcome) {
			for _, o := range outcomes {
				o.Receipt.To.(chan broker.Outcome) <- o
			}
		},
		Opened: n.keeper.Opened, Gap: n.keeper.Gap,
		Deliver: func(messages []*broker.Message) {
			for i := range messages {
				n.keeper.Deliver(messages[i : i+1])
			}
		},
	}
	var err error
	if url == "" {
		n.broker, err = memory.New(memory.Config{Limits: limits, Receiver: receiver, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()})
	} else {
		n.broker, err = redisstream.New(redisstream.Config{
			URL: url, Prefix: "tg", Sweep: 45 * time.Second, Probe: time.Second, Limits: limits,
			Receiver: receiver, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	n.keeper.Start(n.broker)
	ctx, stop := context.WithCancel(context.Background())
	n.stop, n.leased = stop, make(chan struct{})
	go n.keepLease(ctx)
	t.Cleanup(n.close)
	return n
}

// keepLease is what the server does for the Keeper.
func (n *node) keepLease(ctx context.Context) {
	defer close(n.leased)
	for ctx.Err() == nil {
		round, cancel := context.WithTimeout(ctx, time.Second)
		asked := time.Now()
		held, err := n.broker.Lease(round, n.name, lease)
		var living []string
		if err == nil {
			living, err = n.broker.Living(round)
		}
		cancel()
		n.keeper.Renewed(held, living, err, asked)
		select {
		case <-ctx.Done():
		case <-time.After(lease / 4):
		}
	}
}

// close ends a node as it should; twice is once.
func (n *node) close() {
	if n.keeper.ctx.Err() == nil {
		n.keeper.Close()
		n.stop()
		<-n.leased
		_ = n.broker.Resign(context.Background(), n.name)
		_ = n.broker.Close()
	}
}

// die ends a node without a word.
func (n *node) die() {
	n.stop()
	<-n.leased
	n.keeper.stop()
	<-n.keeper.ended
	n.keeper.jobs.Wait()
	_ = n.broker.Close()
}

func (n *node) onSnapshot(g broker.Group, to []Watch, members []Someone) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range to {
		v := w.Watcher.(*view)
		if v.group != g || v.worker != w.Worker {
			n.t.Errorf("the snapshot of %s on worker %d came to a watcher of %s on %d", g, w.Worker, v.group, v.worker)
		}
		v.begun, v.members = true, make(map[string]string, len(members))
		for _, m := range members {
			if _, twice := v.members[m.Connection]; twice {
				n.t.Errorf("%s is in a snapshot twice", m.Connection)
			}
			v.members[m.Connection] = m.User
		}
	}
}

func (n *node) onChanged(g broker.Group, workers []int, came, gone []Someone) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for v := range n.views {
		for _, w := range workers {
			if v.begun && v.group == g && v.worker == w {
				v.change(n.t, came, gone)
			}
		}
	}
}

// change makes a change to what a watcher knows, and is strict about it.
func (v *view) change(t testing.TB, came, gone []Someone) {
	for _, m := range came {
		if _, there := v.members[m.Connection]; there {
			t.Errorf("%s joined who is there", m.Connection)
		}
		v.members[m.Connection] = m.User
		v.log = append(v.log, "join "+m.Connection)
	}
	for _, m := range gone {
		if user, there := v.members[m.Connection]; !there || user != m.User {
			t.Errorf("%s (%s) left who is not there (%v, %s)", m.Connection, m.User, there, user)
		}
		delete(v.members, m.Connection)
		v.log = append(v.log, "leave "+m.Connection)
	}
}

// watch adds a watcher.
func (n *node) watch(worker int, g broker.Group) *view {
	v := &view{group: g, worker: worker}
	n.mu.Lock()
	n.views[v] = struct{}{}
	n.mu.Unlock()
	n.keeper.Watch(worker, g, v)
	return v
}

// see is what a watcher knows; nil before its snapshot.
func (n *node) see(v *view) map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(v.members)
}

// told is the changes that a watcher was told of.
func (n *node) told(v *view) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), v.log...)
}

// sees waits until a watcher knows exactly these.
func (n *node) sees(v *view, want map[string]string) {
	n.t.Helper()
	var got map[string]string
	eventually(n.t, func() bool { got = n.see(v); return got != nil && maps.Equal(got, want) }, func() string {
		return fmt.Sprintf("%s: a watcher of %s sees %d, want %d:\n%v\nwant\n%v", n.name, v.group, len(got), len(want), got, want)
	})
}

func (n *node) enter(worker int, g broker.Group, connections ...string) {
	for _, c := range connections {
		n.keeper.Enter(worker, g, c, "user "+c)
	}
}

func (n *node) exit(worker int, g broker.Group, connections ...string) {
	for _, c := range connections {
		n.keeper.Exit(worker, g, c, "user "+c)
	}
}

// are is what a watcher sees of these connections.
func are(connections ...string) map[string]string {
	all := make(map[string]string)
	for _, c := range connections {
		all[c] = "user " + c
	}
	return all
}

// eventually polls until ok.
func eventually(t testing.TB, ok func() bool, what func() string) {
	t.Helper()
	for end := time.Now().Add(deadline); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("still not so: " + what())
		}
	}
}
