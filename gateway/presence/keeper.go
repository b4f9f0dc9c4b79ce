// Package presence knows who is in which group, on all nodes. Each node has one Keeper.
// It marks this node's members in the broker, where the node's lease stands for them, and announces who
// comes and goes in a stream beside that of the group; and of the groups that clients of
// this node watch it keeps a roster: the members of every living node.
//
//	Enter, Exit ─▶ list ── Mark ══▶ the node's own part of the group, in the broker
//	                 │        └─ Publish ══▶ the stream of the group's changes ─┐
//	                 ▼                                                          │ Deliver
//	Watch ────────▶ roster ◀── Present ══ the parts of all living nodes         │
//	                 │  ◀───────────────────────────────────────────────────────┘
//	                 ▼
//	         Snapshot, Changed
//
// The parts are the truth, as streams are for messages. Changes only make it quick: a
// roster is read again whenever something may have been missed, and what then is
// different is told as changes. Nothing that is read or told twice does harm.
package presence

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
)

// Config is what a Keeper is told once, by value.
type Config struct {
	Node    string        // this node's name, new at each start
	Lease   time.Duration // how long a node is believed to live without having said so again
	Workers int           // who calls Enter, Exit and Watch: each worker its own
	Output  Output
	Log     *slog.Logger
	Metrics *metrics.Set
}

// Output is where a Keeper hands over what it knows. Its functions are called on the
// Keeper's goroutine and must not wait; slices are theirs to keep.
type Output struct {
	// Snapshot answers Watch, several at a time: who is in the group now. What comes
	// from Changed later builds upon it.
	Snapshot func(g broker.Group, to []Watch, members []Someone)
	// Changed says who has come to a group and who has gone, to the workers that watch
	// it. Who is in both lists of members is in neither.
	Changed func(g broker.Group, workers []int, came, gone []Someone)
}

// Someone is a connection that is in a group, on whatever node.
type Someone struct{ Connection, User string }

// Watch is a request for a snapshot: the worker that asked, and whatever it calls the
// watcher.
type Watch struct {
	Worker  int
	Watcher any
}

// Keeper is one node's knowledge. Enter, Exit, Watch and Unwatch are called on the
// workers' loops; Opened, Deliver and Gap wherever the broker reads. None of them waits.
type Keeper struct {
	// Static after Start.
	config  Config
	broker  broker.Broker
	counts  counts
	intakes []intake // by worker
	wake    chan struct{}
	ctx     context.Context
	stop    context.CancelFunc
	ended   chan struct{}  // closed when run has ended
	jobs    sync.WaitGroup // goroutines that wait for the broker

	inbox inbox

	// Owned by run.
	nodes   map[string]time.Time // the others, and when they were last known to live
	lenient time.Time            // until then nobody is taken for dead
	leased  bool                 // this node has had its first
	away    bool                 // its lease could not be renewed the last time
	lists   map[broker.Group]*list
	members int                // of this node, in all groups
	unsaid  map[*list]struct{} // that have something to be marked
	unsure  map[*list]struct{} // that are to be compared with what the broker has
	rosters map[broker.Group]*roster
	touched map[*roster]struct{} // to be looked at in this round
	writing bool
	loading int
	pause   time.Time // before it nothing is written, since that has just failed
}

// New returns a Keeper that does nothing yet. Its receiving functions may be wired.
func New(c Config) *Keeper {
	k := &Keeper{
		config: c, intakes: make([]intake, c.Workers), wake: make(chan struct{}, 1), ended: make(chan struct{}),
		nodes: make(map[string]time.Time), lists: make(map[broker.Group]*list), unsaid: make(map[*list]struct{}), unsure: make(map[*list]struct{}),
		rosters: make(map[broker.Group]*roster), touched: make(map[*roster]struct{}),
	}
	k.counts.init(c.Metrics)
	k.ctx, k.stop = context.WithCancel(context.Background())
	return k
}

// Start begins, on a broker whose receiver calls Opened, Deliver and Gap for the groups of
// which Owns says so, and whose outcomes go to receipts that are channels.
func (k *Keeper) Start(b broker.Broker) {
	k.broker = b
	go k.run()
}

// Close marks that everybody has gone who has, and ends. It waits for that at most some
// seconds. The lease is given back after it, and the broker closed.
func (k *Keeper) Close() {
	k.stop()
	<-k.ended
	k.jobs.Wait()
	k.finish()
}

// The rhythm of run.
const (
	gather = 20 * time.Millisecond  // between rounds, so that what comes at once goes as one
	look   = 250 * time.Millisecond // for what is due by time alone
)

// run is the Keeper's goroutine: all that it knows is changed here. It waits for nobody;
// what waits for the broker is done by jobs, which post what they have found.
func (k *Keeper) run() {
	defer close(k.ended)
	tick := time.NewTicker(look)
	defer tick.Stop()
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-k.ctx.Done():
			return
		case <-k.wake:
			k.round(time.Now())
		case now := <-tick.C:
			for _, r := range k.rosters {
				k.touched[r] = struct{}{}
			}
			k.repairDue(now)
			k.round(now)
		}
		rest.Reset(gather)
		select {
		case <-k.ctx.Done():
			return
		case <-rest.C:
		}
	}
}

// round takes what has come, and does what it leads to.
func (k *Keeper) round(now time.Time) {
	k.inbox.run()
	for i := range k.intakes {
		k.take(i)
	}
	for r := range k.touched {
		delete(k.touched, r)
		k.tend(r, now)
	}
	k.write(now)
	k.counts.see(k)
}

// signal wakes run.
func (k *Keeper) signal() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}
