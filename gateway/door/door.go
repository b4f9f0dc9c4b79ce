// Package door is where connections wait that came faster than they can be let in.
// A handshake costs a goroutine, buffers and some 60 µs of a processor, which the
// workers' loops do without meanwhile; so only a few are made at a time, and the
// others wait as bare sockets, in the order in which they came.
//
// A Door is the net.Listener between the TCP listener and net/http. It gives out
// places: a connection holds one from Accept until it is hijacked, idle or closed
// (http.Server.ConnState tells). One that has held it for Patience, because its client
// says nothing or says it slowly, goes on without: a place is for who can use it. While
// those who are inside are served late (Config.Busy) the door lets in only a trickle.
package door

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Config is what a door is told once, by value.
type Config struct {
	Places   int           // handshakes at a time
	Queue    int           // connections that may wait; one more is refused
	Wait     time.Duration // and how long; then it is refused
	Patience time.Duration // after which a connection no longer counts as in progress
	Busy     func() bool   // whether those who are inside are served late; must not wait
	Log      *slog.Logger
	Metrics  *metrics.Set
}

// Door is a net.Listener. Its methods may be called from any goroutine.
type Door struct {
	// Static after New.
	config   Config
	listener net.Listener
	enter    chan net.Conn // to Accept; has room for one of each place
	refuse   chan net.Conn // to the goroutine that says no
	stop     chan struct{}
	ended    sync.WaitGroup
	waited   *metrics.Counter
	slow     *metrics.Counter
	refused  *metrics.Counter
	shut     *metrics.Counter

	mu     sync.Mutex             // guards what follows
	inside map[net.Conn]time.Time // who holds a place, and since when; zero until the server has it
	queue  queue
	let    time.Time // when the last one was let in
	closed bool
}

var _ net.Listener = (*Door)(nil)

// New opens a door on a listener, which is the door's from then on. Close ends it.
func New(l net.Listener, config Config) *Door {
	set := config.Metrics
	d := &Door{
		config: config, listener: l,
		enter:   make(chan net.Conn, config.Places),
		refuse:  make(chan net.Conn, refusals),
		stop:    make(chan struct{}),
		inside:  make(map[net.Conn]time.Time),
		waited:  set.GetOrCreateCounter("tidegate_handshake_waits_total"),
		slow:    set.GetOrCreateCounter("tidegate_handshake_slow_total"),
		refused: set.GetOrCreateCounter(`app_errors_total{reason="handshake_limit"}`),
		shut:    set.GetOrCreateCounter(`app_errors_total{reason="draining"}`),
	}
	set.GetOrCreateGauge("tidegate_handshake_queue", func() float64 { return float64(d.count(func() int { return d.queue.len() })) })
	set.GetOrCreateGauge("tidegate_handshakes", func() float64 { return float64(d.count(func() int { return len(d.inside) })) })
	d.ended.Go(d.acceptLoop)
	d.ended.Go(d.refuseLoop)
	d.ended.Go(d.watch)
	return d
}

// count reads a number under the lock.
func (d *Door) count(of func() int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return of()
}

// Accept returns the next connection that has a place. Called by http.Server.
func (d *Door) Accept() (net.Conn, error) {
	select {
	case c := <-d.enter:
		d.mu.Lock()
		d.inside[c] = time.Now()
		d.mu.Unlock()
		return c, nil
	case <-d.stop:
		return nil, net.ErrClosed
	}
}

// Addr is the listener's address.
func (d *Door) Addr() net.Addr { return d.listener.Addr() }

// farewell is how long Close answers those who wait; the rest it just closes.
const farewell = time.Second

// Close stops accepting and answers those who wait with 503. It returns when no
// goroutine of the door is left. Only the first call does anything.
func (d *Door) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	waiting := d.queue.drain()
	d.mu.Unlock()
	close(d.stop)
	err := d.listener.Close()
	d.ended.Wait()
	late := time.Now().Add(farewell)
	for _, c := range append(waiting, d.left()...) {
		d.shut.Inc()
		if time.Now().After(late) {
			_ = c.Close()
		} else {
			deny(c, ending)
		}
	}
	return err
}

// AwaitHandshakes returns when nobody holds a place any more, or when ctx ends. For
// after Close: who was let in before it is served to the end, which http.Server's own
// Shutdown does not do for a request that it has not read. It waits.
func (d *Door) AwaitHandshakes(ctx context.Context) {
	const pause = 2 * time.Millisecond // as http.Server does
	for d.count(func() int { return len(d.inside) }) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// left is who had been given a place and was not accepted any more.
func (d *Door) left() (all []net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		select {
		case c := <-d.enter:
			delete(d.inside, c)
			all = append(all, c)
		case c := <-d.refuse:
			all = append(all, c)
		default:
			return all
		}
	}
}

// ConnState is for http.Server: it ends a connection's handshake.
func (d *Door) ConnState(c net.Conn, state http.ConnState) {
	if state == http.StateHijacked || state == http.StateIdle || state == http.StateClosed {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.leave(c)
	}
}

// leave gives a connection's place, if it has one, to who waits the longest. Called
// with the lock held.
func (d *Door) leave(c net.Conn) {
	if _, ok := d.inside[c]; !ok {
		return
	}
	delete(d.inside, c)
	d.fill(time.Now())
}

// trickle is the time between two who are let in while it is busy inside: a node that
// is always busy still takes 500 a second.
const trickle = 2 * time.Millisecond

// fill gives the free places to those who wait. Called with the lock held.
func (d *Door) fill(now time.Time) {
	for d.queue.len() > 0 && len(d.inside) < d.config.Places && !d.closed {
		if now.Sub(d.let) < trickle && d.config.Busy() {
			return // watch looks again
		}
		c, _ := d.queue.take()
		d.admit(c, now)
	}
}

// admit gives a place that is free. Its time begins when the server takes the
// connection. Called with the lock held; enter has room, since it has as much as there
// are places and who is in it holds one.
func (d *Door) admit(c net.Conn, now time.Time) {
	d.let = now
	d.inside[c] = time.Time{}
	d.enter <- c
}

// acceptLoop takes connections from the kernel as they come.
func (d *Door) acceptLoop() {
	const pause = 50 * time.Millisecond
	for quiet := false; ; {
		c, err := d.listener.Accept()
		switch {
		case err == nil:
			quiet = false
			d.arrive(c)
		case errors.Is(err, net.ErrClosed):
			return
		default: // no descriptor is free, most often: it gets better or it does not, and trying without a pause helps nobody
			if !quiet {
				d.config.Log.Error("a connection cannot be accepted; it is tried again: raise the limit on open files (ulimit -n), or lower limits.connections", "error", err)
				quiet = true
			}
			select {
			case <-time.After(pause):
			case <-d.stop:
				return
			}
		}
	}
}

// arrive gives a new connection a place, or has it wait, or refuses it.
func (d *Door) arrive(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	switch {
	case !d.closed && d.queue.len() == 0 && len(d.inside) < d.config.Places && !d.config.Busy():
		d.admit(c, now)
	case !d.closed && d.queue.len() < d.config.Queue:
		d.waited.Inc()
		d.queue.add(c, now)
	default:
		d.turnAway(c)
	}
}

// turnAway has a connection answered with 503 by refuseLoop; if that has too many
// already, the connection is closed without an answer.
func (d *Door) turnAway(c net.Conn) {
	d.refused.Inc()
	select {
	case d.refuse <- c:
	default:
		_ = c.Close()
	}
}

// watch takes places from slow clients and refuses who has waited too long.
func (d *Door) watch() {
	seldom := min(max(d.config.Patience/4, trickle), 50*time.Millisecond)
	t := time.NewTimer(seldom)
	defer t.Stop()
	for {
		select {
		case <-d.stop:
			return
		case now := <-t.C:
			if d.look(now) {
				t.Reset(trickle)
			} else {
				t.Reset(seldom)
			}
		}
	}
}

// look reports whether anybody waits.
func (d *Door) look(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c, since := range d.inside {
		if !since.IsZero() && now.Sub(since) > d.config.Patience {
			d.slow.Inc()
			d.leave(c)
		}
	}
	for _, c := range d.queue.before(now.Add(-d.config.Wait)) {
		d.turnAway(c)
	}
	d.fill(now)
	return d.queue.len() > 0
}
