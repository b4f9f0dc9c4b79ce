package reactor

import (
	"strconv"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// restartPause is how long a loop must have run to be started again at once.
const restartPause = time.Second

// serviceRestart is the close code of a connection whose loop has failed; the
// client may connect again at once (registered under RFC 6455 section 11.7).
const serviceRestart ws.StatusCode = 1012

// supervise waits for the loop to end and starts another, until the inbox was
// closed. nbio's engine is a sync.WaitGroup with one entry, its poller, so the
// wait ends exactly when the loop has: by Goexit in a handler or a post, by an
// error of epoll, by whatever else. A loop that is only busy is never mistaken
// for one that has ended.
func (w *Worker) supervise() {
	defer close(w.ended)
	restarts := w.config.Metrics.GetOrCreateCounter(`tidegate_worker_restarts_total{worker="` + strconv.Itoa(w.index) + `"}`)
	for {
		began := time.Now()
		w.engine.Wait()
		if w.inbox.isClosed() {
			w.bury()
			return
		}
		w.down.Store(true)
		restarts.Inc()
		w.log.Error("the worker's loop has ended; its connections are closed with 1012 and it is started again. "+
			"An error of epoll is logged before this line; otherwise a handler or a posted function called runtime.Goexit",
			"connections", len(w.conns), "ran", time.Since(began))
		w.abandon()
		if !w.revive(time.Until(began.Add(restartPause))) {
			w.bury()
			return
		}
		w.down.Store(false)
	}
}

// abandon stands in for a loop that has ended: each client gets a close frame, each
// handler is told. What was taken from the inbox or deferred and has not run is
// left to the next loop, whose first work is to inherit the sockets.
func (w *Worker) abandon() {
	for _, c := range w.conns {
		if c.state == open {
			c.end(closeFrame(serviceRestart, "the worker is started again"), WorkerFailed, lingering)
		}
	}
	w.flush()
	for _, c := range w.conns {
		c.tell(WorkerFailed)
	}
	w.batch = work{yields: true, list: append([]func(*Worker){(*Worker).inherit}, w.batch.list[w.batch.started:]...)}
}

// revive starts a new loop after the pause, and tries until it does or the
// reactor ends. The old connections, all of them ending, are the new loop's to
// read out and close.
func (w *Worker) revive(pause time.Duration) bool {
	for {
		select {
		case <-w.reactor.stop:
			return false
		case <-time.After(pause):
		}
		err := w.start()
		if err == nil {
			// Wake the loop for what is left. If the inbox was closed meanwhile,
			// its last post is there to do that.
			_ = w.inbox.must(func(*Worker) {})
			return true
		}
		w.log.Error("the worker cannot be started; it is tried again", "error", err, "pause", restartPause)
		pause = restartPause
	}
}

// inherit has the new engine watch what the old one left. Where something is
// still to be written it cannot: nbio believes it watches for that already. Those
// connections are closed; a post of the old engine's then finishes them.
func (w *Worker) inherit() {
	for _, c := range w.conns {
		switch shut, _ := c.nc.IsClosed(); {
		case shut:
		case c.pending() > 0:
			_ = c.nc.Close()
		default:
			w.register(c.nc)
		}
	}
}

// bury is the worker's end: whoever is left is told, and every socket is closed.
func (w *Worker) bury() {
	for len(w.conns) > 0 {
		c := w.conns[len(w.conns)-1]
		_ = c.nc.Close()
		c.finish(Shutdown)
	}
	w.deferred.run(w) // what the last turn has left, and who was told now
	w.gathered.run(w)
	_ = w.wake.Close()
	_ = unix.Close(w.inbox.wake)
}
