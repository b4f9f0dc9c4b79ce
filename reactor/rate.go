package reactor

import (
	"time"

	"github.com/gobwas/ws"
)

// Rate is a bound on what one connection may send in a second.
type Rate uint8

// The rates that a connection may exceed.
const (
	NoRate      Rate = iota // none is exceeded
	MessageRate             // Config.MessageRate
	ByteRate                // Config.ByteRate
)

const (
	// burst is how much may come at once: a second's worth.
	burst = int64(time.Second)
	// surfeit is how much beyond that may come, refused, before the connection is
	// closed: a client that is told of its first refused messages can stop.
	surfeit = 3 * int64(time.Second)
	// leastFrame is what a frame counts as at least. A frame costs the loop time however
	// small it is, and without that a ping or a fragment of a byte were nearly free.
	leastFrame = 64
)

// The faults of who goes on beyond a rate.
var (
	faultMessageRate = &fault{ws.StatusPolicyViolation, "more messages came than limits.messages_per_second allows: send more slowly", RateLimit}
	faultByteRate    = &fault{ws.StatusPolicyViolation, "more bytes came than limits.bytes_per_second allows: send more slowly", RateLimit}
)

// prices is what the rates make of a message and of a byte, in the time that has to pass
// for it; 0 where there is no limit. Static.
type prices struct {
	message int64   // nanoseconds
	byte    float64 // nanoseconds; beyond 1 GB/s a whole number would be none
}

func pricesOf(c *Config) (p prices) {
	if c.MessageRate > 0 {
		p.message = int64(time.Second) / int64(c.MessageRate)
	}
	if c.ByteRate > 0 {
		p.byte = float64(time.Second) / float64(c.ByteRate)
	}
	return p
}

// none reports whether there is no limit.
func (p *prices) none() bool { return p.message == 0 && p.byte == 0 }

// intake is how far ahead of the clock a connection is with what it has sent: the times
// at which all of it would have come, had it come evenly (the theoretical arrival times
// of the Generic Cell Rate Algorithm). The zero value is a connection that sent nothing.
type intake struct{ messages, bytes int64 }

// add counts what came at a time. What was refused counts too: who does not slow down is
// not let in again.
func (k *intake) add(p *prices, now int64, messages, bytes int) {
	k.messages = max(k.messages, now) + int64(messages)*p.message
	k.bytes = max(k.bytes, now) + int64(float64(bytes)*p.byte)
}

// exceeds says which of the rates is exceeded by more than an allowance. If both are, it
// is the one that takes longer to pass.
func (k *intake) exceeds(now, allowed int64) Rate {
	switch {
	case max(k.messages, k.bytes)-now <= allowed:
		return NoRate
	case k.messages >= k.bytes:
		return MessageRate
	}
	return ByteRate
}

// Exceeded says which rate the message that Handler.Message is called with is beyond, and
// so whether it is to be refused: the handler does nothing of what it asks for, and says
// so if there is a way to. It counts all the same. A connection that goes on is closed
// by the reactor, which calls Message no more; the handler of a client that cannot be
// told may close it at once. Loop only, during Message.
func (c *Conn) Exceeded() Rate { return c.intake.exceeds(c.worker.now, burst) }

// tick reads the clock, once for all that one read brings.
func (w *Worker) tick() {
	if !w.prices.none() {
		w.now = int64(time.Since(w.reactor.began))
	}
}

// meter counts what the reader has just taken, and ends a connection that goes on beyond a
// rate. Fragments count by their bytes as they come, a message when it is whole.
func (c *Conn) meter(messages, bytes int) *fault {
	w := c.worker
	c.intake.add(&w.prices, w.now, messages, bytes)
	switch c.intake.exceeds(w.now, burst+surfeit) {
	case NoRate:
		return nil
	case MessageRate:
		return faultMessageRate
	}
	return faultByteRate
}
