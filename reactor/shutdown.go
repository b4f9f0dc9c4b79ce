package reactor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gobwas/ws"
)

// grace is what remains for closing by force when the context of a shutdown has
// ended.
const grace = time.Second

// farewell is what every connection is told at the shutdown.
type farewell struct {
	code ws.StatusCode
	text string
}

// Shutdown ends the reactor. Nothing is adopted any more; every client gets a
// close frame with code and text, and has until ctx ends to answer it; then the
// sockets are closed, the pools finish what they have, and the loops end. After
// nil no goroutine is left. An error says what did not end in time; then a
// handler, a post or a task does not return. Waits, so not on a loop. Only the
// first call does anything.
func (r *Reactor) Shutdown(ctx context.Context, code ws.StatusCode, text string) error {
	r.mu.Lock()
	again := r.stopping
	r.stopping = true
	r.mu.Unlock()
	if again {
		return ErrClosed
	}
	for _, w := range r.workers {
		_ = w.inbox.must(func(w *Worker) { w.bid(&farewell{code, text}) })
	}
	err := r.disconnect(ctx)
	err = errors.Join(err, r.finishTasks(ctx))
	close(r.stop)
	<-r.clocked
	return errors.Join(err, r.finishLoops())
}

// bid sends every connection the close frame, and those still to come.
func (w *Worker) bid(f *farewell) {
	w.farewell = f
	for _, c := range w.conns {
		c.Close(f.code, f.text, Shutdown)
	}
}

// disconnect waits for the connections to end, and ends them when ctx does.
func (r *Reactor) disconnect(ctx context.Context) error {
	// Adopt adds to the group only while stopping is false, so from here it falls.
	none := make(chan struct{})
	go func() {
		r.connections.Wait()
		close(none)
	}()
	select {
	case <-none:
		return nil
	case <-ctx.Done():
	}
	left := r.Connections()
	for _, w := range r.workers {
		_ = w.inbox.must(func(w *Worker) {
			for _, c := range w.conns {
				_ = c.nc.Close()
			}
		})
	}
	select {
	case <-none:
	case <-time.After(grace):
	}
	return fmt.Errorf("reactor: shutdown: %d clients did not answer the close frame in time and were cut off: %w", left, ctx.Err())
}

// finishTasks closes the pools and waits for what they have begun, before the
// loops end, since tasks post to them.
func (r *Reactor) finishTasks(ctx context.Context) error {
	done := make(chan struct{})
	for _, w := range r.workers {
		w.pool.close()
	}
	go func() {
		for _, w := range r.workers {
			w.pool.running.Wait()
		}
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-done:
		return nil
	case <-time.After(grace):
		return errors.New("reactor: shutdown: a task in a pool does not return; give what it calls a deadline")
	}
}

// finishLoops ends the loops.
func (r *Reactor) finishLoops() error {
	for _, w := range r.workers {
		w.inbox.close(exit)
	}
	late := time.After(grace)
	for _, w := range r.workers {
		select {
		case <-w.ended:
		case <-late:
			return fmt.Errorf("reactor: shutdown: worker %d is stuck in a handler or a posted function that does not return", w.index)
		}
	}
	return nil
}
