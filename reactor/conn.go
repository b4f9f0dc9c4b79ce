package reactor

import (
	"net"

	"github.com/gobwas/ws"
	"github.com/lesismal/nbio"
)

// Conn is one WebSocket connection. It is owned by its worker's loop: but for
// Worker, Handler and RemoteAddr, its methods are called there and nowhere else.
type Conn struct {
	// What each message touches, together: a cache line on the processors of today.
	worker  *Worker    // static after adoption
	nc      *nbio.Conn // likewise
	out     []Frame    // to be written: at the end of this turn, or when the socket has room again
	queued  int        // their bytes
	copied  int32      // bytes that nbio has and the kernel has not taken
	beyond  int32      // bytes that Send has queued beyond the budget
	fd      int32      // the socket; static, and no longer this connection's once nc is closed
	state   state
	refused bool // an Offer was, and Drained is due
	dirty   bool // it is in Worker.dirty
	pinged  bool // since it was last heard

	// Owned by the loop, but for the handler, which is static.
	handler Handler
	in      reader
	why     Reason // set when the end begins
	index   int32  // in Worker.conns
	heard   uint32 // the beat of the last input; from the end's beginning, that of it or of the last output
	due     uint32 // the Unix second at which the handler wants to be told; 0: none
	told    bool   // the handler knows that it is Closed
	intake  intake // what it has sent, against the rates
}

// Worker returns the worker that the connection belongs to, for ever. May be
// called on any goroutine.
func (c *Conn) Worker() *Worker { return c.worker }

// Handler returns whom the connection was adopted for. May be called on any goroutine.
func (c *Conn) Handler() Handler { return c.handler }

// RemoteAddr returns the client's address, as the connection that was adopted had it. May
// be called on any goroutine.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// chunk is about as much as one write carries: beyond it a system call gains
// nothing, and the reader should have begun.
const chunk = 64 << 10

// reserve is what Send may queue for a connection that is over its budget. It is
// for answers, which a client asks for one by one, and not a share of the budget:
// what groups have filled that with must not be what ends the connection.
const reserve = 64 << 10

// reference is what a frame that waits costs beside its bytes: its place in the
// connection's list. It counts against the budget, or the smallest frames would
// take twelve times their bytes.
const reference = 32

// Offer queues a frame like Send, unless the client reads too slowly: if more than
// Config.SendBuffer bytes wait, or a frame was refused and Handler.Drained has not
// been called since, it returns false and has queued nothing. The caller then
// remembers where the client is to go on, and goes on there when Drained is called.
// A client that has nothing waiting takes a frame of any size. Loop only, never
// waits. On a connection that is ending it does nothing and returns true, since
// nobody need remember anything for it; Drained is not called then.
func (c *Conn) Offer(f Frame) bool {
	if c.state != open || len(f.encoded) == 0 {
		return true
	}
	if c.refused || c.over() {
		c.refused = true
		c.worker.counts.offersRefused.Inc()
		return false
	}
	c.queue(f)
	return true
}

// Send queues a frame that is for this client alone. It never waits: the frame is
// written at the end of the turn, together with what else is sent to this
// connection until then. Loop only. After a close frame was sent or received
// nothing is sent any more. It queues beyond the budget too, but only 64 KiB until
// the client is below it again: one that asks and asks and does not read the
// answers is closed with 1008.
func (c *Conn) Send(f Frame) {
	if c.state != open || len(f.encoded) == 0 {
		return
	}
	if c.over() {
		if c.beyond += int32(min(len(f.encoded), reserve) + reference); c.beyond > reserve {
			c.overrun()
			return
		}
	}
	c.queue(f)
}

// over reports whether more than the budget waits. What has gathered in one turn
// is no sign of a slow reader: the kernel takes what it can before that is judged.
func (c *Conn) over() bool {
	if c.waiting() <= c.worker.config.SendBuffer {
		return false
	}
	c.flush()
	return c.waiting() > c.worker.config.SendBuffer
}

// waiting is what the connection costs at this moment, in bytes.
func (c *Conn) waiting() int { return c.pending() + reference*len(c.out) }

// pending is how many bytes were sent that the kernel has not taken.
func (c *Conn) pending() int { return c.queued + int(c.copied) }

// overrun is the fate of a slow reader: the frame that was one too many is not sent.
func (c *Conn) overrun() {
	c.fail(&fault{ws.StatusPolicyViolation, "slow_reader", SlowReader})
}

// queue appends a frame to what is to be written. While nbio holds a part of an
// earlier frame it stays here, by reference.
func (c *Conn) queue(f Frame) {
	if c.out == nil {
		c.out = c.worker.list()
	}
	c.out = append(c.out, f)
	c.queued += len(f.encoded)
	c.touch()
	if c.queued >= chunk {
		c.flush()
	}
}

// touch has the connection flushed at the turn's end.
func (c *Conn) touch() {
	if !c.dirty {
		c.dirty = true
		c.worker.dirty = append(c.worker.dirty, c)
	}
}
