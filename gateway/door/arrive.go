package door

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// acceptLoop takes connections from the kernel as they come.
func (d *Door) acceptLoop() {
	const pause = 50 * time.Millisecond
	var said time.Time // that it fails
	for {
		c, err := d.listener.Accept()
		if err == nil {
			d.arrive(c)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// No descriptor is free, most often: it gets better or it does not, and trying
		// without a pause helps nobody, unless somebody was let go of.
		if now := time.Now(); now.Sub(said) > complaint {
			said = now
			d.config.Log.Error("a connection cannot be accepted; it is tried again: raise the limit on open files (ulimit -n), or lower limits.connections or limits.handshake_queue", "error", err)
		}
		if d.relieve(err) {
			continue
		}
		select {
		case <-time.After(pause):
		case <-d.stop:
			return
		}
	}
}

// complaint is how often the log says that connections cannot be accepted.
const complaint = 10 * time.Second

// relief is how many of the silent are let go of when descriptors are short: enough for a
// while, and not all that may turn out to be clients.
const relief = 64

// relieve lets go of some who are silent, if an error says that descriptors are short, and
// reports whether there were any.
func (d *Door) relieve(err error) bool {
	if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for n < relief && d.evict(netip.Addr{}) {
		n++
	}
	return n > 0
}

// evict closes somebody silent for the sake of a newcomer from this address, and reports
// whether anybody is. Called with the lock held.
func (d *Door) evict(newcomer netip.Addr) bool {
	g := d.silent.rival(newcomer)
	if g != nil {
		d.silent.remove(g)
	} else if g = d.queue.sift(d.peek.hear); g == nil {
		return false
	}
	d.counts.evicted.Inc()
	g.close()
	return true
}

// room reports whether one more may wait, and makes room if somebody is silent. Called
// with the lock held.
func (d *Door) room(g *guest) bool {
	return d.queue.len()+d.silent.len() < d.config.Queue || d.evict(g.source)
}

// arrive takes in a new connection. Who has to wait anyway is not listened to before its
// turn, when it has said what it wants, most often.
func (d *Door) arrive(c net.Conn) {
	g := newGuest(c)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.place(g, time.Now())
}

// place gives somebody a place, if there is one and nobody has waited for it, or has him
// wait, or refuses him. Called with the lock held.
func (d *Door) place(g *guest, now time.Time) {
	switch {
	case !d.closed && d.queue.len() == 0 && d.vacant(now) && !d.config.Busy():
		d.receive(g, now)
	case !d.closed && d.room(g):
		if !g.waited {
			g.waited = true
			d.counts.waited.Inc()
		}
		d.queue.add(g, now)
		d.wake(!d.awake || d.queue.len() == 1)
	default:
		d.turnAway(g.conn)
	}
}

// turnAway has a connection answered with 503 by refuseLoop; if that has too many
// already, the connection is closed without an answer.
func (d *Door) turnAway(c net.Conn) {
	d.counts.refused.Inc()
	select {
	case d.refuse <- c:
	default:
		_ = c.Close()
	}
}

// hearLoop looks at the silent who have said more.
func (d *Door) hearLoop() {
	for {
		events, err := d.poll.wait()
		if err != nil {
			return // it was closed
		}
		for _, e := range events {
			d.hear(int(e.Fd), e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
		}
	}
}

// hear looks at one of them. Who has hung up in the middle of his header has no use for an
// answer.
func (d *Door) hear(fd int, ended bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	g := d.silent.byFD[fd]
	if g == nil {
		return // an event of one who has left since
	}
	heard := d.peek.hear(g)
	if heard == unsaid && !ended {
		return
	}
	d.silent.remove(g)
	if heard == said {
		d.place(g, time.Now())
	} else {
		g.close()
	}
}
