package reactor

import (
	"github.com/gobwas/ws"
	"github.com/lesismal/nbio"
	"golang.org/x/sys/unix"
)

// state is how far a connection is on its way out.
type state uint8

const (
	open      state = iota
	closing         // we sent a close frame, the client's has not come
	lingering       // nothing more is said by either side; the client is to hang up
	gone            // the socket is closed
)

// Close sends a close frame, behind all that was queued before it, and ends the
// connection when the client has answered it, or has neither done that nor taken
// anything of what waits for Config.CloseTimeout. Loop only, never waits. The text is the
// client's, at most 123 bytes of it; why is counted and given to Closed. On a
// connection that is already ending it does nothing.
func (c *Conn) Close(code ws.StatusCode, text string, why Reason) {
	c.rejoinAll() // what came before is handled
	if c.state == open {
		c.end(closeFrame(code, text), why, closing)
	}
}

// fail ends a connection that broke a rule: a close frame, then the end, without
// waiting for the client's (RFC 6455 section 7.1.7).
func (c *Conn) fail(f *fault) {
	switch c.state {
	case open:
		c.end(closeFrame(f.code, f.text), f.why, lingering)
	case closing:
		c.linger()
	}
}

// closed answers the client's close frame: the same code back, if we did not
// begin (RFC 6455 section 5.5.1).
func (c *Conn) closed(payload []byte) {
	bad := checkClose(payload)
	switch {
	case bad != nil:
		c.fail(bad)
	case c.state == closing:
		c.linger()
	default:
		code := payload[:min(len(payload), 2)]
		c.end(controlFrame(ws.OpClose, code), ClientClosed, lingering)
	}
}

// end queues the close frame, which no limit keeps back, and begins the end.
func (c *Conn) end(f Frame, why Reason, next state) {
	c.queue(f)
	c.why, c.state, c.heard = why, next, c.worker.sweep.beat
	if next == lingering {
		c.in.rest = nil
	}
}

// linger is the end's second half: our side of the connection is shut down once
// all is written, and what still comes is read and discarded until the client
// hangs up. Closing at once instead would send a reset if anything had come that
// was not read, and a reset may destroy the close frame on its way.
func (c *Conn) linger() {
	c.state = lingering
	c.in.rest = nil
	if c.pending() == 0 {
		c.shutdownWrite()
	}
}

// shutdownWrite ends our side of the connection, if nbio has it open. An error
// means that the other side has ended it all.
func (c *Conn) shutdownWrite() {
	if shut, _ := c.nc.IsClosed(); !shut {
		_ = unix.Shutdown(int(c.fd), unix.SHUT_WR)
	}
}

// disconnected is nbio's word that a socket is closed, on a goroutine of nbio's.
// If the inbox is closed, the reactor has ended and has told every handler.
func (w *Worker) disconnected(nc *nbio.Conn, _ error) {
	if c, ok := nc.Session().(*Conn); ok {
		_ = w.inbox.must(func(*Worker) { c.finish(ClientGone) })
	}
}

// finish forgets a connection whose socket is closed and tells its handler why:
// what was noted when the end began, or the given reason.
func (c *Conn) finish(otherwise Reason) {
	if c.state == gone {
		return
	}
	c.rejoinAll() // what came before the end is handled
	c.state = gone
	c.in.rest = nil
	w := c.worker
	c.discard()
	c.touch() // for its list
	w.sweep.forget(w, c)
	c.tell(otherwise)
	w.connections.Add(-1)
	w.reactor.connections.Done()
}

// tell calls the handler's Closed, once.
func (c *Conn) tell(otherwise Reason) {
	if c.told {
		return
	}
	c.told = true
	if c.why == "" {
		c.why = otherwise
	}
	c.worker.reactor.closes.of(c.why).Inc()
	defer c.contain()
	c.handler.Closed(c, c.why)
}
