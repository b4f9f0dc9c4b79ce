package reactor

import (
	"bytes"
	"sync"

	"github.com/gobwas/ws"
)

// The bounds of what is done beside the loop.
const (
	// quickMessage is how long a message may be that is handled as it is: to decode it takes
	// some 150 µs. A longer one has not come in one read, so that its payload is its own.
	quickMessage = readBuffer
	// quickInflated is how much of a message is inflated on the loop, which takes it some
	// 80 µs. A message that inflates to more is put aside.
	quickInflated = 64 << 10
	// maxAside is how many messages of a worker's connections may be aside at once. One
	// beyond that is the loop's.
	maxAside = 4
	// maxHeld is how much of what a connection sends behind such a message may wait for it,
	// in bytes. Beyond that the loop does.
	maxHeld = readBuffer
)

// aside is a long message that is inflated, and prepared for its handler, on a goroutine of
// its own, so that the other connections of the worker need not wait for it. Its own
// connection goes on behind it: what it sends meanwhile is held.
type aside struct {
	op       ws.OpCode
	deflated bool
	size     int    // of its payload as it came
	held     []byte // owned by the loop

	done     chan struct{} // closed when the rest is there
	inflater *inflater     // whose payload is
	payload  []byte
	prepared any
	bad      *fault
}

// aside is the connection's message that is beside the loop, or nil.
func (c *Conn) aside() *aside {
	if c.in.rest == nil {
		return nil
	}
	return c.in.rest.aside
}

// inflaters are for messages that are aside. They keep their buffers for the next one, until
// the garbage collector comes by.
var inflaters = sync.Pool{New: func() any { return &inflater{aside: true} }}

// putAside begins to do what a message costs beside the loop, and reports false if that is
// nothing or if too many are there already.
func (c *Conn) putAside(e event) bool {
	w := c.worker
	prepare := c.handler.Prepare(e.op == ws.OpBinary)
	if w.aside.Load() >= maxAside || prepare == nil && !e.deflated {
		return false
	}
	w.aside.Add(1)
	w.counts.aside.Inc()
	a := &aside{op: e.op, deflated: e.deflated, size: len(e.payload), payload: e.payload, done: make(chan struct{})}
	c.in.rest = &unfinished{aside: a}
	if len(a.payload) <= readBuffer { // the buffer may be the engine's
		a.payload = bytes.Clone(a.payload)
	}
	go func() {
		a.do(w, prepare)
		close(a.done)
		_ = w.inbox.must(func(w *Worker) { // if it is closed nobody is left to go on
			w.aside.Add(-1)
			if c.aside() == a {
				c.rejoin()
			}
			if a.inflater != nil { // it was deflated, and did not panic at once
				inflaters.Put(a.inflater)
			}
		})
	}()
	return true
}

// do does the work. A panic is the end of the connection alone, as on the loop.
func (a *aside) do(w *Worker, prepare func([]byte) any) {
	defer func() {
		if v := recover(); v != nil {
			recovered(w.log, w.reactor.panics.handler, "what is done beside the loop", v)
			a.bad = faultPanic
		}
	}()
	if a.deflated {
		a.inflater = inflaters.Get().(*inflater)
		a.payload, a.bad = a.inflater.message(a.payload, a.op == ws.OpText, w.config.MessageBytes)
	}
	if prepare != nil && a.bad == nil {
		a.prepared = prepare(a.payload)
	}
}

// Prepared is what was made of the message that Message was called with by what
// Handler.Prepare returned; nil if nothing was. Loop only, while Message runs.
func (c *Conn) Prepared() any { return c.worker.prepared }

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
		if bad == nil && a.deflated {
			bad = c.meterInflated(len(a.payload), a.size)
		}
		if bad != nil {
			c.fail(bad)
			return
		}
		c.handlePrepared(e, a.prepared)
		if !a.deflated { // then it is the inflater's
			recycle(a.payload)
		}
	}
	c.read(a.held)
}

// handlePrepared is handle for a message of which something was made already.
func (c *Conn) handlePrepared(e event, prepared any) {
	c.worker.prepared = prepared
	defer func() { c.worker.prepared = nil }()
	c.handle(e)
}
