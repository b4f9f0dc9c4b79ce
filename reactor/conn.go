package reactor

import (
	"net"

	"github.com/gobwas/ws"
	"github.com/lesismal/nbio"
)

// Conn is one WebSocket connection. It is owned by its worker's loop: but for
// Worker and RemoteAddr, its methods are called there and nowhere else.
type Conn struct {
	// Static after adoption.
	worker  *Worker
	nc      *nbio.Conn
	handler Handler

	// Owned by the loop.
	in      reader
	out     []Frame // to be flushed at the end of this turn
	queued  int     // their bytes
	pending int     // bytes that were sent and that the kernel has not taken, these included
	why     Reason  // set when the end begins
	index   int32   // in Worker.conns
	heard   uint32  // the beat of the last input; from the end's beginning, that of the beginning
	state   state
	pinged  bool // since it was last heard
	dirty   bool // it is in Worker.dirty
	told    bool // the handler knows that it is Closed
}

// Worker returns the worker that the connection belongs to, for ever. May be
// called on any goroutine.
func (c *Conn) Worker() *Worker { return c.worker }

// RemoteAddr returns the other end's address. May be called on any goroutine.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// chunk is about as much as one write carries: beyond it a system call gains
// nothing, and the reader should have begun.
const chunk = 64 << 10

// Send queues a frame. It never waits: the frame is written at the end of the
// turn, together with what else is sent to this connection until then. Loop
// only. After a close frame was sent or received nothing is sent any more. A
// client that has more than Config.SendBuffer bytes waiting when the frame comes,
// because it reads too slowly, is closed with 1008; one that has nothing waiting
// takes a frame of any size.
func (c *Conn) Send(f Frame) {
	if c.state != open || len(f.encoded) == 0 {
		return
	}
	if c.pending > c.worker.config.SendBuffer {
		// What has gathered in one turn is no sign of a slow reader: the kernel
		// takes what it can before that is judged.
		c.flush()
		if c.pending > c.worker.config.SendBuffer {
			c.overrun()
			return
		}
	}
	c.queue(f)
	if c.queued >= chunk {
		c.flush()
	}
}

// overrun is the fate of a slow reader: the frame that was one too many is not sent.
func (c *Conn) overrun() {
	c.fail(&fault{ws.StatusPolicyViolation, "slow_reader", SlowReader})
}

// queue appends a frame to what the turn's end flushes.
func (c *Conn) queue(f Frame) {
	w := c.worker
	if !c.dirty {
		c.dirty = true
		w.dirty = append(w.dirty, c)
		c.out = w.list()
	}
	c.out = append(c.out, f)
	c.queued += len(f.encoded)
	c.pending += len(f.encoded)
}
