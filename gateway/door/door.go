// Package door is where connections wait that came faster than they can be let in.
// A handshake costs a goroutine, buffers and some 60 µs of a processor, which the
// workers' loops do without meanwhile; so only a few are made at a time, and the
// others wait as bare sockets, in the order in which they were ready.
//
// A Door is the net.Listener between the TCP listener and net/http. It gives out
// places: a connection holds one from Accept until it is hijacked, idle or closed
// (http.Server.ConnState tells). A place is for who can use it. So whoever has not sent
// all of its header yet stands apart, among the silent, however many those are: one epoll
// descriptor tells which of them has said more, and what it has said is looked at in the
// socket and left there. That costs some microseconds each, so while nobody is silent it is
// not asked, until half of the places are held by such as have sent nothing. One that has held a place for Patience all the
// same goes on without. While those who are inside are served late (Config.Busy) the door
// lets in only a trickle.
package door

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Config is what a door is told once, by value.
type Config struct {
	Places      int           // handshakes at a time
	Queue       int           // connections that may wait, silent ones too; one more is refused
	Wait        time.Duration // and how long; then it is refused, or closed if it has said nothing
	Patience    time.Duration // after which a connection no longer counts as in progress
	PerSecond   int           // handshakes; 0: as many as come
	HeaderBytes int           // http.Server.MaxHeaderBytes
	TLS         bool          // clients begin with a handshake of TLS
	Busy        func() bool   // whether those who are inside are served late; must not wait
	Log         *slog.Logger
	Metrics     *metrics.Set
}

// Door is a net.Listener. Its methods may be called from any goroutine.
type Door struct {
	// Static after New.
	config   Config
	listener net.Listener
	enter    chan net.Conn // to Accept; has room for one of each place
	refuse   chan net.Conn // to the goroutine that says no
	rouse    chan struct{} // to watch: there is something to watch
	stop     chan struct{}
	poll     *poller
	ended    sync.WaitGroup
	counts   counts

	mu     sync.Mutex         // guards what follows
	inside map[net.Conn]visit // who holds a place
	unread int                // of them, those whose request was not read yet
	queue  queue              // who waits for one
	silent *silent            // who is not ready for one
	peek   *peeker
	pace   pace
	let    time.Time // when the last one was let in
	awake  bool      // watch looks again by itself
	closed bool
}

// visit is what is known of one who holds a place.
type visit struct {
	since time.Time // when the server has taken it; zero until then
	read  bool      // its request was
}

// counts is what happens at a door.
type counts struct{ waited, slow, evicted, refused, silent, shut *metrics.Counter }

var _ net.Listener = (*Door)(nil)

// New opens a door on a listener, which is the door's from then on. Close ends it. It fails
// if the process may not have one more descriptor; then the listener is the caller's still.
func New(l net.Listener, config Config) (*Door, error) {
	poll, err := newPoller()
	if err != nil {
		return nil, err
	}
	d := &Door{
		config: config, listener: l, poll: poll,
		enter:  make(chan net.Conn, config.Places),
		refuse: make(chan net.Conn, refusals),
		rouse:  make(chan struct{}, 1),
		stop:   make(chan struct{}),
		inside: make(map[net.Conn]visit),
		silent: newSilent(poll),
		peek:   newPeeker(config),
		pace:   newPace(config.PerSecond),
		awake:  true,
	}
	d.measure(config.Metrics)
	d.ended.Go(d.acceptLoop)
	d.ended.Go(d.hearLoop)
	d.ended.Go(d.refuseLoop)
	d.ended.Go(d.watch)
	return d, nil
}

// measure makes the metrics, which exist from the start.
func (d *Door) measure(set *metrics.Set) {
	d.counts = counts{
		waited:  set.GetOrCreateCounter("tidegate_handshake_waits_total"),
		slow:    set.GetOrCreateCounter("tidegate_handshake_slow_total"),
		evicted: set.GetOrCreateCounter("tidegate_handshake_evicted_total"),
		refused: set.GetOrCreateCounter(`app_errors_total{reason="handshake_limit"}`),
		silent:  set.GetOrCreateCounter(`app_errors_total{reason="handshake_timeout"}`),
		shut:    set.GetOrCreateCounter(`app_errors_total{reason="draining"}`),
	}
	gauge := func(name string, of func() int) {
		set.GetOrCreateGauge(name, func() float64 { return float64(d.count(of)) })
	}
	gauge("tidegate_handshake_queue", func() int { return d.queue.len() })
	gauge("tidegate_handshake_silent", func() int { return d.silent.len() })
	gauge("tidegate_handshakes", func() int { return len(d.inside) })
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
		d.inside[c] = visit{since: time.Now()}
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
	for g := d.silent.longest(); g != nil; g = d.silent.longest() {
		d.silent.remove(g)
		waiting = append(waiting, g)
	}
	d.mu.Unlock()
	close(d.stop)
	d.poll.close()
	err := d.listener.Close()
	d.ended.Wait()
	late := time.Now().Add(farewell)
	all := d.left()
	for _, g := range waiting {
		all = append(all, g.conn)
	}
	for _, c := range all {
		d.counts.shut.Inc()
		if time.Now().After(late) {
			_ = c.Close()
		} else {
			deny(c, denial(ending, soonest))
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
	d.mu.Lock()
	defer d.mu.Unlock()
	switch state {
	case http.StateActive:
		if v, ok := d.inside[c]; ok && !v.read {
			d.unread--
			v.read = true
			d.inside[c] = v
		}
	case http.StateHijacked, http.StateIdle, http.StateClosed:
		d.leave(c)
	}
}
