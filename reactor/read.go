package reactor

import (
	"bytes"

	"github.com/gobwas/ws"
)

// receive takes what came from the socket. A panic, the handler's or our own, is
// the end of this connection and of no other.
func (c *Conn) receive(data []byte) {
	defer c.contain()
	c.worker.counts.receivedBytes.Add(len(data))
	if c.state == lingering || c.state == gone {
		return // read and discarded, so that the close does not become a reset
	}
	if c.state == open {
		c.heard, c.pinged = c.worker.sweep.beat, false
	}
	if c.aside() != nil {
		c.hold(data)
		return
	}
	c.worker.tick()
	c.read(data)
}

// read is a message's way in: bytes to frames, control frames answered, messages
// to the handler (RFC 6455 section 5). What is whole before a bad frame is
// handled first. The payload that the handler sees is the engine's buffer, or that of a
// message that came in parts; afterwards the next one has it. Behind a message that is put
// aside nothing is read.
func (c *Conn) read(data []byte) {
	frames := 0
	for len(data) > 0 && (c.state == open || c.state == closing) {
		var e event
		var bad *fault
		e, data, bad = c.in.next(data, c.worker.config)
		messages := 0
		if e.op != ws.OpContinuation {
			messages = 1
		}
		if bad == nil {
			bad = c.meter(messages, e.weight)
		}
		deflated := e.deflated
		switch {
		case bad != nil:
		case deflated:
			e, bad = c.inflate(e)
		case len(e.payload) > quickMessage && c.state == open && c.putAside(e):
			e = nothing
		}
		if bad != nil {
			c.fail(bad)
			break
		}
		if a := c.aside(); a != nil {
			a.held = bytes.Clone(data)
			frames += messages
			break
		}
		if frames += messages; messages > 0 {
			c.handle(e)
			if !deflated { // what was inflated is the inflater's
				recycle(e.payload)
			}
		}
	}
	c.worker.counts.receivedFrames.Add(frames)
}

// handle does what an event asks for. When a close frame was sent, only the
// client's own is of interest. A ping beyond a rate is not answered.
func (c *Conn) handle(e event) {
	exceeded := c.Exceeded() != NoRate
	if exceeded {
		c.worker.counts.exceeded.Inc()
	}
	switch {
	case e.op == ws.OpClose:
		c.closed(e.payload)
	case c.state != open:
	case e.op == ws.OpPong, e.op == ws.OpPing && exceeded: // that it came is all it says
	case e.op == ws.OpPing:
		c.Send(controlFrame(ws.OpPong, e.payload))
	default:
		c.handler.Message(c, e.payload, e.op == ws.OpBinary)
	}
}

// contain, deferred, ends a connection whose handler panics.
func (c *Conn) contain() {
	if v := recover(); v != nil {
		recovered(c.worker.log, c.worker.reactor.panics.handler, "handler", v)
		c.fail(faultPanic)
	}
}

// faultPanic ends a connection for which something of ours panicked.
var faultPanic = &fault{ws.StatusInternalServerError, "internal error", HandlerPanic}
