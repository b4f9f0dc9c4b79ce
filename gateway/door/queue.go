package door

import (
	"net"
	"time"
)

// queue is who waits, the longest first. It lets go of its room when it is empty, so
// that a storm does not cost its memory for ever. Not safe for concurrent use.
type queue struct {
	waiting []waiter
	first   int
}

type waiter struct {
	conn  net.Conn
	since time.Time
}

func (q *queue) len() int { return len(q.waiting) - q.first }

func (q *queue) add(c net.Conn, now time.Time) { q.waiting = append(q.waiting, waiter{c, now}) }

// take returns who has waited the longest.
func (q *queue) take() (net.Conn, bool) {
	if q.len() == 0 {
		return nil, false
	}
	c := q.waiting[q.first].conn
	q.waiting[q.first] = waiter{}
	q.first++
	if q.len() == 0 {
		*q = queue{}
	}
	return c, true
}

// before takes out who has waited since before a time.
func (q *queue) before(limit time.Time) (all []net.Conn) {
	for q.len() > 0 && q.waiting[q.first].since.Before(limit) {
		c, _ := q.take()
		all = append(all, c)
	}
	return all
}

// drain takes out everybody.
func (q *queue) drain() (all []net.Conn) {
	for c, ok := q.take(); ok; c, ok = q.take() {
		all = append(all, c)
	}
	return all
}
