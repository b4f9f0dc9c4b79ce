package main

import (
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// maxPause bounds how long a loop sleeps, so that it sees the end of the run.
	maxPause = 20 * time.Millisecond
	// maxBurst is how many publishes a loop sends before it reads again. Behind its
	// schedule it would otherwise only send, and its own receive side would be what
	// is slow.
	maxBurst = 16
	// overtime is how long after the schedule's end a loop still sends what it is late
	// with. That is not on schedule any more, but it makes the books complete.
	overtime = time.Second
	// readBytes is the least that a loop reads at once.
	readBytes = 256 << 10
)

// Loop owns a share of the connections: it sends what is due on them and reads
// what comes, on one goroutine and without a lock. All sockets are non-blocking.
type Loop struct {
	// Static after construction.
	index   int
	plan    Plan
	layout  Layout
	course  *Course
	conns   []*Conn // by connection id; those of other loops are not touched
	senders []*Conn // of this loop, in the order of their turns
	pacer   Pacer
	heads   [][]byte // by group: a request up to the ackId's digits
	full    chan<- *Window
	empty   <-chan *Window
	extras

	// Owned by run.
	poll   *poller
	buf    []byte // read into, and parsed where it lies
	text   []byte // of the request that is being sent
	frame  []byte // the same, framed and masked
	now    time.Duration
	turn   uint64 // the next turn of the schedule
	window *Window
	tally  Tally
	owed   uint64        // deliveries that what was sent makes, acked or not
	hunger time.Duration // time for which it was ready to run and did not; known at the end

	state [4]atomic.Uint64 // tally, for everybody else
	done  atomic.Bool      // the schedule is over and nothing will be sent any more
}

// Tally is how far a loop is: enough to see that nothing is under way any more.
type Tally struct {
	Sent      uint64 // publishes
	Answered  uint64 // acks of any kind
	Promised  uint64 // deliveries that the acked publishes make
	Delivered uint64
}

// Tally returns where the loop stands, from any goroutine.
func (l *Loop) Tally() Tally {
	return Tally{l.state[0].Load(), l.state[1].Load(), l.state[2].Load(), l.state[3].Load()}
}

// run loops until the course is over. Then it hands over its last window and
// leaves the connections to whoever waits for it.
func (l *Loop) run() error {
	pin()
	before := starved()
	defer func() {
		l.hunger = starved() - before
		l.forfeit()
		l.full <- l.window
	}()
	for !l.course.over.Load() {
		l.now = l.course.Elapsed()
		pause := l.publish()
		if l.absence.Return(l) {
			pause = 0
		}
		slept := l.poll.slept
		ready, err := l.poll.wait(pause)
		if err != nil {
			return fmt.Errorf("waiting for sockets: %w", err)
		}
		if l.course.Measures(l.now) {
			l.window.Idle += l.poll.slept - slept
		}
		for _, r := range ready {
			l.serve(r)
		}
		l.tell()
	}
	return nil
}

// serve goes on with one socket.
func (l *Loop) serve(r readiness) {
	c := l.conns[r.index]
	if l.absence.Holds(c, l.now) {
		return
	}
	if c.fd >= 0 && len(c.out) > 0 {
		if err := c.flush(); err != nil {
			l.drop(c, err.Error())
		}
	}
	for c.fd >= 0 && l.read(c, r.ending) {
		// The poller says it once, so the socket is read until it is empty.
	}
}

// send writes a frame to a connection; the poller sees to it that the rest follows.
// False if the connection takes no more.
func (l *Loop) send(c *Conn, frame []byte) bool {
	taken, err := c.write(frame)
	if err != nil {
		l.drop(c, err.Error())
	}
	return taken
}

// drop closes a connection that the run did not mean to close. Its turns go
// unsent and its messages are missing from then on.
func (l *Loop) drop(c *Conn, fate string) {
	if c.fd < 0 {
		return
	}
	closeSocket(c.fd)
	c.fd = -1
	if c.fate == "" {
		c.fate = fate
	}
}

// tell publishes the tally, and hands over the window when its second is over. If
// nobody takes windows (a stopped terminal, say), this one goes on.
func (l *Loop) tell() {
	l.state[0].Store(l.tally.Sent)
	l.state[1].Store(l.tally.Answered)
	l.state[2].Store(l.tally.Promised)
	l.state[3].Store(l.tally.Delivered)
	second := int(l.now / time.Second)
	if second == l.window.Second {
		return
	}
	select {
	case l.full <- l.window:
	default:
		l.window.Second = second
		return
	}
	select {
	case l.window = <-l.empty:
		l.window.reset()
		l.window.Loop = l.index
	default:
		l.window = newWindow(l.index)
	}
	l.window.Second = second
}
