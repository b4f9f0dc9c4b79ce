// Package reactor holds the WebSocket connections: sockets, frames, and the
// loops that own them. It knows nothing of groups or of the client protocol.
//
// A Worker is one epoll loop, an nbio engine with one poller. Everything of a
// worker and of its connections is owned by the goroutine of that loop: bytes
// become frames on it, handlers are called on it, frames are queued and written
// on it. So nothing of it is locked, and nothing on it may block. Three ways
// lead in and out:
//
//	Reactor.Adopt   a connection whose handshake is done goes to the worker that has the fewest
//	Worker.Post     any goroutine has a function run on the loop
//	Pool.TrySubmit  the loop has a function run where it may block
//
// The package is the only importer of nbio. What it does not use of it (its
// HTTP and WebSocket layers, task pool, Writev, deadlines, Stop) it leaves out on
// purpose: each has a fault that a gateway cannot have.
package reactor

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// What a reactor may answer; compare with errors.Is.
var (
	// ErrFull: the worker's inbox holds Config.Queue events. Nothing was queued.
	ErrFull = errors.New("reactor: the worker's queue is full; it is busy: add workers, or raise limits.worker_queue")
	// ErrPoolFull: Config.PoolQueue tasks wait. Nothing was queued.
	ErrPoolFull = errors.New("reactor: the pool's queue is full; what it calls is slow: raise pool.size or pool.queue")
	// ErrDown: no worker's loop runs at this moment; they are being started again.
	ErrDown = errors.New("reactor: no worker is running; they are being started again, the log says why they ended")
	// ErrClosed: Shutdown has begun.
	ErrClosed = errors.New("reactor: shut down")
)

// Handler is what a connection is to its owner. All five are called on the loop
// of the connection's worker and must not block. The connection may be used from
// Open on; after Closed using it does nothing.
type Handler interface {
	// Open is called once, first.
	Open(c *Conn)
	// Message brings one whole message, text that was found to be UTF-8, or
	// binary. The payload is the reactor's: valid during the call, and the
	// handler may overwrite it. One beyond a rate is brought too, to be refused:
	// see Conn.Exceeded.
	Message(c *Conn, payload []byte, binary bool)
	// Prepare returns what is to be done with a long message before its turn has come, or
	// nil if that is nothing. What it returns is called on a goroutine of its own, while
	// the loop goes on, with what Message will be called with, and must not write to it;
	// Message finds in Conn.Prepared what it returned. If the connection ends meanwhile
	// Message may not be called.
	Prepare(binary bool) func(payload []byte) any
	// Drained is called when a client that an Offer was refused for has caught up:
	// at most half of Config.SendBuffer waits, and Offer takes frames again. Once
	// for all the refusals before it, at the end of a turn; not while or after the
	// connection ends.
	Drained(c *Conn)
	// Due is called when the second has come that Conn.Remind was told; not while or
	// after the connection ends.
	Due(c *Conn)
	// Closed is called once, last, when the socket is gone. If the loop itself
	// has failed (WorkerFailed) it is called on the goroutine that stands in for
	// the loop; the handler need not care.
	Closed(c *Conn, why Reason)
}

// Reactor is a set of workers.
type Reactor struct {
	// Static after New.
	config  Config
	workers []*Worker
	closes  closeCounts
	panics  panicCounts
	began   time.Time     // by which the workers tell the time
	stop    chan struct{} // closed when the clock and the restarts are to end
	clocked chan struct{} // closed when the clock has ended

	connections sync.WaitGroup // one for each adopted connection that is not yet Closed

	mu       sync.Mutex // guards what follows, and the choice of a worker
	stopping bool
}

// New starts the workers. Shutdown ends them.
func New(config Config) (*Reactor, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	logTo(config.Log)
	r := &Reactor{config: config, began: time.Now(), stop: make(chan struct{}), clocked: make(chan struct{})}
	r.closes.init(config.Metrics)
	r.panics.init(config.Metrics)
	for i := range config.Workers {
		w, err := newWorker(r, i)
		if err != nil {
			r.end(r.workers)
			return nil, fmt.Errorf("reactor: start worker %d: %w", i, err)
		}
		r.workers = append(r.workers, w)
	}
	go r.clock()
	return r, nil
}

// end ends workers that have no connection, and waits for it.
func (r *Reactor) end(workers []*Worker) {
	for _, w := range workers {
		w.pool.close()
		w.pool.running.Wait()
		w.inbox.close(exit)
		<-w.ended
	}
}

// Workers returns the workers, by their index. The slice is the reactor's.
func (r *Reactor) Workers() []*Worker { return r.workers }

// Connections returns how many connections are adopted and not yet Closed.
func (r *Reactor) Connections() int {
	n := 0
	for _, w := range r.workers {
		n += w.Connections()
	}
	return n
}

// stuckAfter is how long a loop may be busy with one turn before Ready says so.
const stuckAfter = 3 * time.Second

// Ready is nil when every worker serves, or names those that do not: down, its
// loop has ended and is being started again, or stuck, a handler or a posted
// function does not return. A loop that is stuck is not started again, since
// nothing can take a goroutine off what it runs. Never waits.
func (r *Reactor) Ready() error {
	var all error
	for _, w := range r.workers {
		switch quiet := time.Since(time.Unix(0, w.beatAt.Load())); {
		case w.down.Load():
			all = errors.Join(all, fmt.Errorf("reactor: worker %d is down and being started again; the log says why it ended", w.index))
		case quiet > stuckAfter:
			all = errors.Join(all, fmt.Errorf("reactor: worker %d is stuck: its loop has not come round for %s; a goroutine dump shows in what", w.index, quiet.Round(time.Second)))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		all = errors.Join(all, ErrClosed)
	}
	return all
}

// panicCounts counts recovered panics, by where they were.
type panicCounts struct{ handler, post, task *metrics.Counter }

func (p *panicCounts) init(set *metrics.Set) {
	p.handler = set.GetOrCreateCounter(`tidegate_panics_total{where="handler"}`)
	p.post = set.GetOrCreateCounter(`tidegate_panics_total{where="post"}`)
	p.task = set.GetOrCreateCounter(`tidegate_panics_total{where="task"}`)
}

// recovered counts and logs a panic. It is called by the deferred function that
// recovered it, so that the stack is still the one that failed.
func recovered(log *slog.Logger, count *metrics.Counter, where string, v any) {
	count.Inc()
	log.Error("recovered a panic: this is a fault in the program, please report it with the stack",
		"where", where, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
}
