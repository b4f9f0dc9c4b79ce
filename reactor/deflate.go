package reactor

import (
	"compress/flate"
	"sync"

	"github.com/gobwas/ws"
)

// deflater compresses messages. They are pooled, because each has about a megabyte
// of tables; at most as many are in use as goroutines call Deflated at once, and
// the garbage collector takes those that are not needed.
type deflater struct {
	flate *flate.Writer
	out   []byte // a header's room, then what was compressed
}

// Write is what the flate.Writer writes to.
func (d *deflater) Write(b []byte) (int, error) {
	d.out = append(d.out, b...)
	return len(b), nil
}

var deflaters sync.Pool

// worthDeflating is the payload in bytes below which a message is not compressed.
const worthDeflating = 64

// Deflated returns the frame with its payload compressed (RFC 7692 section 7.2.1),
// for connections that Deflates: made once a message, it is sent to all of them.
// It uses no context of earlier messages and a window of 32 KiB. A frame that does
// not become smaller is returned as it is, which those connections take as well;
// so are control frames, and several frames in one. May be called on any goroutine;
// costs CPU in proportion to the payload, some 10 ns a byte.
func (f Frame) Deflated() Frame {
	h, size, _ := decodeHeader(f.encoded)
	if f.more > 0 || size == 0 || !h.OpCode.IsData() || h.Rsv != 0 || h.Length < worthDeflating {
		return f
	}
	d, _ := deflaters.Get().(*deflater)
	if d == nil {
		d = new(deflater)
		d.flate, _ = flate.NewWriter(d, flate.BestSpeed) // errs only for a level that does not exist
	}
	defer deflaters.Put(d)
	d.out = make([]byte, serverHeader, serverHeader+len(f.encoded))
	d.flate.Reset(d)
	// A deflater's Write does not fail, so neither do these.
	_, _ = d.flate.Write(f.encoded[size:])
	_ = d.flate.Flush()
	b := d.out[:len(d.out)-4] // the empty block's end, which the receiver adds
	d.out = nil
	if len(b)-serverHeader >= int(h.Length) {
		return f
	}
	deflated := sealed(h.OpCode, b)
	deflated.encoded[0] |= rsv1 << 4
	return deflated
}

// rsv1 is the bit of ws.Header.Rsv that marks a compressed message (RFC 7692
// section 6).
const rsv1 = 4

// Deflates reports whether the client agreed on permessage-deflate, and so takes
// frames that are Deflated. May be called on any goroutine.
func (c *Conn) Deflates() bool { return c.in.deflates }

// compressed reports whether a header begins a compressed message: the first frame
// of a data message of a client that agreed. Anywhere else the bit is an error,
// which ws.CheckHeader finds.
func (r *reader) compressed(h ws.Header) bool {
	return r.deflates && h.Rsv == rsv1 && (h.OpCode == ws.OpText || h.OpCode == ws.OpBinary)
}
