package reactor

import (
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// Pool runs what may block: calls to the application, reads of history, files. It
// is Config.PoolSize goroutines that live as long as the worker. A task that has
// something to say to the loop posts it.
type Pool struct {
	log     *slog.Logger
	busy    atomic.Int64
	refused *metrics.Counter
	panics  *metrics.Counter
	running sync.WaitGroup

	mu     sync.RWMutex // guards closed; held to send, so that nothing is sent once tasks is closed
	closed bool
	tasks  chan func()
}

func newPool(w *Worker) *Pool {
	set, label := w.config.Metrics, `{worker="`+strconv.Itoa(w.index)+`"}`
	p := &Pool{
		log:     w.log,
		refused: set.GetOrCreateCounter("tidegate_pool_refused_total" + label),
		panics:  w.reactor.panics.task,
		tasks:   make(chan func(), w.config.PoolQueue),
	}
	set.GetOrCreateGauge("tidegate_pool_busy"+label, func() float64 { return float64(p.busy.Load()) })
	set.GetOrCreateGauge("tidegate_pool_queue_depth"+label, func() float64 { return float64(len(p.tasks)) })
	for range w.config.PoolSize {
		p.running.Go(p.work)
	}
	return p
}

// TrySubmit has task run on one of the pool's goroutines. It never waits: if
// Config.PoolQueue tasks wait already it is ErrPoolFull, and the caller decides
// what becomes of the work; ErrClosed after shutdown. Otherwise the task runs,
// once. May be called on any goroutine, and is meant for a loop.
func (p *Pool) TrySubmit(task func()) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return ErrClosed
	}
	select {
	case p.tasks <- task:
		return nil
	default:
		p.refused.Inc()
		return ErrPoolFull
	}
}

// work runs tasks until the pool is closed and none waits.
func (p *Pool) work() {
	for task := range p.tasks {
		p.run(task)
	}
}

func (p *Pool) run(task func()) {
	p.busy.Add(1)
	defer p.busy.Add(-1)
	defer func() {
		if v := recover(); v != nil {
			recovered(p.log, p.panics, "task", v)
		}
	}()
	task()
}

// close takes no more tasks; those that wait are still run. Does not wait.
func (p *Pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		close(p.tasks)
	}
}
