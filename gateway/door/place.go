package door

import (
	"net"
	"time"
)

// leave gives a connection's place, if it has one, to who waits the longest. Called
// with the lock held.
func (d *Door) leave(c net.Conn) {
	v, ok := d.inside[c]
	if !ok {
		return
	}
	if !v.read {
		d.unread--
	}
	delete(d.inside, c)
	d.fill(time.Now())
}

// trickle is the time between two who are let in while it is busy inside: a node that
// is always busy still takes 500 a second.
const trickle = 2 * time.Millisecond

// vacant reports whether there is a place, and it is time for one more. Called with the
// lock held.
func (d *Door) vacant(now time.Time) bool {
	return len(d.inside) < d.config.Places && d.pace.allows(now)
}

// sifting is how many are listened to at a time, in search of those who are ready.
const sifting = 256

// fill gives the free places to those who wait and are ready. Called with the lock held.
func (d *Door) fill(now time.Time) {
	for n := 0; n < sifting && d.queue.len() > 0 && d.vacant(now) && !d.closed; n++ {
		if now.Sub(d.let) < trickle && d.config.Busy() {
			return // watch looks again
		}
		g, _ := d.queue.take()
		d.receive(g, now)
	}
}

// receive gives a guest the place that there is, if it is ready, or if most of the others
// who have one use it and nobody is known to be silent. Called with the lock held.
func (d *Door) receive(g *guest, now time.Time) {
	if d.silent.len() == 0 && d.unread < d.config.Places/2 {
		d.admit(g.conn, now)
		return
	}
	switch d.peek.hear(g) {
	case said:
		d.admit(g.conn, now)
	case gone:
		g.close()
	case unsaid:
		if !d.room(g) || d.silent.add(g, now) != nil {
			d.admit(g.conn, now)
			return
		}
		d.wake(!d.awake)
	}
}

// admit gives a place that is free. Its time begins when the server takes the
// connection. Called with the lock held; enter has room, since it has as much as there
// are places and who is in it holds one.
func (d *Door) admit(c net.Conn, now time.Time) {
	d.let = now
	d.pace.count(now)
	d.inside[c] = visit{}
	d.unread++
	d.enter <- c
	d.wake(!d.awake)
}

// wake has watch look, if that is asked for. Called with the lock held.
func (d *Door) wake(now bool) {
	if !now {
		return
	}
	d.awake = true
	select {
	case d.rouse <- struct{}{}:
	default:
	}
}

// watch takes places from slow clients, and ends the waiting of who has waited too long.
// It sleeps while nobody is there.
func (d *Door) watch() {
	t := time.NewTimer(trickle)
	defer t.Stop()
	for {
		now := time.Now()
		select {
		case <-d.stop:
			return
		case <-d.rouse:
		case now = <-t.C:
		}
		if again, any := d.look(now); any {
			t.Reset(again)
		} else {
			t.Stop()
		}
	}
}

// bout is how many who have waited too long are ended at a time. Each costs some 16 µs, in which others
// may want the processor, and those who came together are late together.
const bout = 16

// look reports when to look again, and whether anybody is there at all.
func (d *Door) look(now time.Time) (again time.Duration, any bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c, v := range d.inside {
		if !v.since.IsZero() && now.Sub(v.since) > d.config.Patience {
			d.counts.slow.Inc()
			d.leave(c)
		}
	}
	late := now.Add(-d.config.Wait)
	for _, g := range d.queue.before(late, bout) {
		if d.peek.hear(g) == said {
			d.turnAway(g.conn)
		} else {
			d.giveUp(g)
		}
	}
	g := d.silent.longest()
	for n := 0; n < bout && g != nil && g.since.Before(late); n++ {
		d.silent.remove(g)
		d.giveUp(g)
		g = d.silent.longest()
	}
	d.fill(now)
	again = min(d.config.Patience/4, 50*time.Millisecond)
	switch {
	case d.queue.len() > 0:
		again = trickle
	case g != nil:
		again = min(again, g.since.Sub(late))
	}
	d.awake = d.queue.len() > 0 || len(d.inside) > 0 || d.silent.len() > 0
	return max(again, trickle), d.awake
}

// giveUp closes somebody who has not sent his header in time.
func (d *Door) giveUp(g *guest) {
	d.counts.silent.Inc()
	g.close()
}
