package reactor

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"runtime"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// inflater decompresses messages (RFC 7692 section 7.2.2), one at a time: it is the
// worker's, so that a connection that agreed on compression costs no memory. Only
// messages without a context of earlier ones can be read, which is what the
// handshake must have agreed on.
type inflater struct {
	input  bytes.Reader
	tail   bytes.Reader
	source io.Reader
	flate  io.ReadCloser
	out    []byte // the last message
	aside  bool   // it is not a loop's: it keeps its buffer, and lets others run after each piece; static
}

// deflateTail is what a sender has cut off, the end of an empty stored block, and
// a last block, so that the reader finds an end.
var deflateTail = []byte("\x00\x00\xff\xff\x01\x00\x00\xff\xff")

// keptInflated is the largest message whose buffer is kept for the next one.
const keptInflated = 64 << 10

// message inflates a whole message of at most limit bytes inflated; what is over it
// is not inflated. The result is valid until the next call.
func (d *inflater) message(deflated []byte, text bool, limit int) ([]byte, *fault) {
	if len(deflated) == 0 {
		return nil, nil // not a DEFLATE block, but peers send it
	}
	d.open(deflated)
	defer d.input.Reset(nil)
	if cap(d.out) > keptInflated && !d.aside {
		d.out = nil
	}
	d.out = d.out[:0]
	for {
		if len(d.out) == cap(d.out) {
			d.out = append(d.out, make([]byte, max(len(d.out), 1024))...)[:len(d.out)]
		}
		room := d.out[len(d.out):min(cap(d.out), limit+1)]
		n, err := d.flate.Read(room)
		d.out = d.out[:len(d.out)+n]
		if d.aside {
			runtime.Gosched()
		}
		switch {
		case len(d.out) > limit:
			return nil, faultTooBig
		case errors.Is(err, io.EOF) && text && !utf8.Valid(d.out):
			return nil, faultUTF8
		case errors.Is(err, io.EOF):
			return d.out, nil
		case err != nil:
			return nil, faultDeflate
		}
	}
}

// open has the flate reader begin with a message.
func (d *inflater) open(deflated []byte) {
	d.input.Reset(deflated)
	d.tail.Reset(deflateTail)
	if d.flate == nil {
		d.source = &twoPart{&d.input, &d.tail}
		d.flate = flate.NewReader(d.source)
		return
	}
	// The reader that flate.NewReader returns is a Resetter, by its documentation.
	_ = d.flate.(flate.Resetter).Reset(d.source, nil)
}

// twoPart reads one after the other. It is an io.ByteReader, since flate would put
// a buffer around it otherwise, with each message.
type twoPart struct{ first, second *bytes.Reader }

// Read is io.Reader's.
func (t *twoPart) Read(b []byte) (int, error) {
	if t.first.Len() > 0 {
		return t.first.Read(b)
	}
	return t.second.Read(b)
}

// ReadByte is io.ByteReader's.
func (t *twoPart) ReadByte() (byte, error) {
	if t.first.Len() > 0 {
		return t.first.ReadByte()
	}
	return t.second.ReadByte()
}

// inflate makes a compressed message of an event a plain one, or puts it aside: then there
// is no event yet.
func (c *Conn) inflate(e event) (event, *fault) {
	if c.state != open { // after a close frame only the client's counts
		return e, nil
	}
	limit, quick := c.worker.config.MessageBytes, quickInflated
	if len(e.payload) > quick && c.putAside(e) {
		return nothing, nil
	}
	p, bad := c.worker.inflater.message(e.payload, e.op == ws.OpText, min(limit, quick))
	if bad == faultTooBig && limit > quick {
		if c.putAside(e) {
			return nothing, nil
		}
		p, bad = c.worker.inflater.message(e.payload, e.op == ws.OpText, limit)
	}
	if bad == nil {
		bad = c.meterInflated(len(p), len(e.payload))
	}
	return event{op: e.op, payload: p}, bad
}

// meterInflated counts what a message was inflated to as if it had come like that. Its
// compressed payload has been counted.
func (c *Conn) meterInflated(inflated, deflated int) *fault {
	return c.meter(0, max(inflated-max(deflated, leastFrame), 0))
}
