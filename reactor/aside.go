package reactor

import (
	"bytes"
	"sync"

	"github.com/gobwas/ws"
)

// The bounds of what is inflated beside the loop.
const (
	// quickInflated is how much of a message is inflated on the loop, which takes it some
	// 80 µs. A message that inflates to more is put aside.
	quickInflated = 64 << 10
	// maxAside is how many messages of a worker's connections may be aside at once. One
	// beyond that is inflated on the loop.
	maxAside = 4
	// maxHeld is how much of what a connection sends behind such a message may wait for it,
	// in bytes. Beyond that the loop does.
	maxHeld = readBuffer
)

// aside is a long message that is inflated on a goroutine of its own, so that the other
// connections of the worker need not wait for it. Its own connection goes on behind it: what
// it sends meanwhile is held.
type aside struct {
	op   ws.OpCode
	size int    // of its payload as it came
	held []byte // owned by the loop

	done     chan struct{} // closed when the rest is there
	inflater *inflater     // whose payload is
	payload  []byte
	bad      *fault
}

// aside is the connection's message that is being inflated, or nil.
func (c *Conn) aside() *aside {
	if c.in.rest == nil {
		return nil
	}
	return c.in.rest.aside
}

// inflaters are for messages that are aside. They keep their buffers for the next one, until
// the garbage collector comes by.
var inflaters = sync.Pool{New: func() any { return &inflater{aside: true} }}

// putAside begins to inflate a message beside the loop, and reports false if too many are
// there already.
func (c *Conn) putAside(e event) bool {
	w := c.worker
	if w.aside.Load() >= maxAside {
		return false
	}
	w.aside.Add(1)
	w.counts.aside.Inc()
	a := &aside{op: e.op, size: len(e.payload), done: make(chan struct{})}
	c.in.rest = &unfinished{aside: a}
	deflated := bytes.Clone(e.payload) // the buffer is the engine's
	go func() {
		a.inflate(w, deflated)
		close(a.done)
		_ = w.inbox.must(func(w *Worker) { // if it is closed nobody is left to go on
			w.aside.Add(-1)
			if c.aside() == a {
				c.rejoin()
			}
			if a.inflater != nil { // or it panicked
				inflaters.Put(a.inflater)
			}
		})
	}()
	return true
}

// inflate does the work. A panic is the end of the connection alone, as on the loop.
func (a *aside) inflate(w *Worker, deflated []byte) {
	defer func() {
		if v := recover(); v != nil {
			recovered(w.log, w.reactor.panics.handler, "inflater", v)
			a.bad = faultPanic
		}
	}()
	a.inflater = inflaters.Get().(*inflater)
	a.payload, a.bad = a.inflater.message(deflated, a.op == ws.OpText, w.config.MessageBytes)
}

// hold keeps what came behind a message that is aside.
func (c *Conn) hold(data []byte) {
	a := c.aside()
	if a.held = append(a.held, data...); len(a.held) > maxHeld {
		c.rejoin()
	}
}

// rejoinAll has everything handled that has come, before the connection ends.
func (c *Conn) rejoinAll() {
	for c.aside() != nil {
		c.rejoin()
	}
}

// rejoin has the connection go on with its message that is aside, and with what came behind
// it, where another may be that is put aside. It waits for the message: for what is left of
// the work that the loop would have had with it.
func (c *Conn) rejoin() {
	defer c.contain()
	a := c.aside()
	<-a.done
	c.in.rest = nil
	c.worker.tick()
	if c.state == open {
		e := event{op: a.op, payload: a.payload}
		bad := a.bad
		if bad == nil {
			bad = c.meterInflated(len(a.payload), a.size)
		}
		if bad != nil {
			c.fail(bad)
			return
		}
		c.handle(e)
	}
	c.read(a.held)
}
