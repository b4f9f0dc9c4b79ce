package reactor

import (
	"log/slog"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/lesismal/nbio"
	"golang.org/x/sys/unix"
)

// Worker is one loop and its connections. Its loop may end and another take its
// place (supervise.go); index, inbox, pool and whatever is queued stay.
type Worker struct {
	// Static after construction.
	reactor *Reactor
	config  *Config
	index   int
	inbox   inbox
	pool    *Pool
	log     *slog.Logger
	counts  workerCounts
	prices  prices
	ended   chan struct{} // closed when the supervisor has ended

	// Read by everyone.
	connections atomic.Int64 // adopted and not yet Closed
	down        atomic.Bool  // the loop has ended and no other runs yet
	beatAt      atomic.Int64 // when the loop last came round, in Unix nanoseconds
	beating     atomic.Bool  // a beat is on its way that has not run
	aside       atomic.Int64 // messages that are inflated beside the loop

	// Owned by the supervisor; the loop reads them.
	engine *nbio.Engine
	wake   *nbio.Conn

	// Owned by the loop, or by the supervisor while there is none.
	conns        []*Conn
	batch        work      // what the inbox gave
	urgent       work      // and what of it was urgent
	hastened     time.Time // when that was looked at last
	turns        uint64    // that read from a connection
	gathered     work      // what is to be done when there is nothing else to read
	gathering    time.Time // since when the first of it waits
	gatheredTurn uint64    // of turns, when it was looked at last
	deferred     work      // what is to be done at the end of this turn
	dirty        []*Conn   // who is to be flushed then
	drained      []*Conn   // whose handler is to be told
	spare        [][]Frame // lists for those who will be sent to
	unused       int       // how many of them nobody needed since the last beat
	scratch      []byte    // where frames are joined for one write
	inflater     inflater  // for the compressed messages of all connections
	prepared     any       // of the message that is being handled
	sweep        sweep
	now          int64     // when the last read was, in nanoseconds since Reactor.began; not kept without rates
	farewell     *farewell // set when every connection is to be closed
}

// workerCounts are a worker's counts, its own so that no worker waits for
// another's.
type workerCounts struct {
	receivedBytes, receivedFrames, sentBytes, sentFrames, writes, offersRefused, exceeded, aside *metrics.Counter
}

func (k *workerCounts) init(set *metrics.Set, w *Worker) {
	label := `{worker="` + strconv.Itoa(w.index) + `"}`
	k.receivedBytes = set.GetOrCreateCounter("tidegate_received_bytes_total" + label)
	k.receivedFrames = set.GetOrCreateCounter("tidegate_received_frames_total" + label)
	k.sentBytes = set.GetOrCreateCounter("tidegate_sent_bytes_total" + label)
	k.sentFrames = set.GetOrCreateCounter("tidegate_sent_frames_total" + label)
	k.writes = set.GetOrCreateCounter("tidegate_writes_total" + label)
	k.offersRefused = set.GetOrCreateCounter("tidegate_offers_refused_total" + label)
	k.aside = set.GetOrCreateCounter("tidegate_aside_total" + label)
	k.exceeded = set.GetOrCreateCounter("tidegate_rate_exceeded_total" + label)
	set.GetOrCreateGauge("tidegate_aside"+label, func() float64 { return float64(w.aside.Load()) })
	set.GetOrCreateGauge("tidegate_worker_connections"+label, func() float64 { return float64(w.Connections()) })
}

// Index is the worker's place in Reactor.Workers.
func (w *Worker) Index() int { return w.index }

// Pool is the worker's pool, for what may block.
func (w *Worker) Pool() *Pool { return w.pool }

// Connections returns how many connections the worker has or is being given. May
// be called on any goroutine.
func (w *Worker) Connections() int { return int(w.connections.Load()) }

// Conns returns the worker's connections, those that are ending included, in no
// order. Loop only; the slice is the worker's, to be read in this turn.
func (w *Worker) Conns() []*Conn { return w.conns }

func newWorker(r *Reactor, index int) (*Worker, error) {
	write, read, err := newWake()
	if err != nil {
		return nil, err
	}
	w := &Worker{
		reactor: r, config: &r.config, index: index, wake: read,
		log:    r.config.Log.With("worker", index),
		ended:  make(chan struct{}),
		batch:  work{yields: true},
		prices: pricesOf(&r.config),
	}
	w.beatAt.Store(time.Now().UnixNano())
	w.sweep.init(w.config)
	w.counts.init(w.config.Metrics, w)
	w.inbox.init(w.config, index, write)
	w.pool = newPool(w)
	if err := w.start(); err != nil {
		w.pool.close()
		_ = read.Close()
		_ = unix.Close(write)
		return nil, err
	}
	go w.supervise()
	return w, nil
}

// readBuffer, of which a worker has one, and reads are what nbio reads of one socket
// in one turn. When the other end has shut down, nbio closes after these reads,
// whatever is left. So they hold all that the kernel can: twice maxReceive, which it
// doubles, and one segment of 64 KiB that it takes beyond. A read takes a publisher's
// whole burst: what is read in pieces goes out in as many writes to each member.
const (
	readBuffer = 256 << 10
	reads      = 4
	maxReceive = 480 << 10
)

// start gives the worker an engine, and with it a loop.
func (w *Worker) start() error {
	e := nbio.NewEngine(nbio.Config{
		Name:                         "worker " + strconv.Itoa(w.index),
		NPoller:                      1,
		EpollMod:                     nbio.EPOLLLT,
		ReadBufferSize:               readBuffer,
		MaxConnReadTimesPerEventLoop: reads,
		MaxWriteBufferSize:           remnant, // Conn.write gives it no more
		BodyAllocator:                backlog{},
	})
	e.OnData(w.readable)
	e.OnWrittenSize(w.written)
	e.OnClose(w.disconnected)
	w.engine = e // before the loop begins, which reads it
	if err := e.Start(); err != nil {
		return err
	}
	_, err := e.AddConn(w.wake)
	if err != nil {
		e.Stop()
	}
	return err
}

// readable is the loop's turn: nbio has read data from a socket. Afterwards every
// connection that has frames queued is written to, once.
func (w *Worker) readable(nc *nbio.Conn, data []byte) {
	if c, ok := nc.Session().(*Conn); ok {
		w.turns++
		c.receive(data)
	} else {
		w.drain()
	}
	w.endTurn()
	w.hasten()
	if w.gathered.waits() {
		w.inbox.rouse()
	}
}

// drain runs what was posted: all that the inbox holds when the turn begins, and
// nothing that comes meanwhile, which wakes the loop for another turn.
//
// Subtle: this one swap a turn is what makes it safe to close sockets and adopt
// connections on the loop, while nbio's events name a socket by its number alone.
// Say a socket is closed in this turn, by a write that fails or by us, and the
// events that epoll reported with this turn's still hold one of its number. A
// new connection can get that number only now, so its adoption is posted after
// the swap and runs in a later turn; by then this turn's events are done with,
// and epoll has forgotten the closed socket. Were the inbox taken again in the
// same turn, the old event could close the new connection.
func (w *Worker) drain() {
	w.batch.run(w) // what a loop that ended has left
	w.batch.list = w.inbox.take(w.batch.list)
	w.runUrgent()
	w.runGathered()
	w.batch.run(w)
}

// longTurn is how long what is urgent waits for a turn to end, and what was gathered for
// an end of all that there is to read.
const longTurn = 500 * time.Microsecond

// hasten runs what waits although a turn is long, and writes what it sends.
// Under load something urgent is nearly always there, and waits for the turn's end
// nevertheless: the longer it gathers, the fewer writes carry it.
func (w *Worker) hasten() {
	if w.inbox.hot.Load() && time.Since(w.hastened) > longTurn || w.gathered.waits() && time.Since(w.gathering) > longTurn {
		w.runUrgent()
		w.gathered.run(w)
		w.endTurn()
	}
}

// runUrgent runs what was posted as urgent. Nothing of it adopts connections, so
// that it may run at any time (see drain).
func (w *Worker) runUrgent() {
	w.urgent.run(w) // what a loop that ended has left
	if w.inbox.hot.Load() {
		w.urgent.list = w.inbox.takeUrgent(w.urgent.list)
		w.urgent.run(w)
	}
	w.hastened = time.Now()
}

// exit, as the last post, ends the loop: nbio's poller has deferred all that it
// must do. Its own Stop closes sockets on another goroutine and may lose
// callbacks. What the last turn has deferred is left to bury.
func exit(*Worker) { runtime.Goexit() }
