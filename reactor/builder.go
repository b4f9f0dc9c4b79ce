package reactor

import (
	"bytes"

	"github.com/gobwas/ws"
)

// Builder puts several frames into one Frame, for messages that go to the same
// connections: these then have one thing in their lists, and the bytes that are
// written to all of them are joined once. The zero Builder is empty. It may be used
// again and again, on one goroutine at a time.
type Builder struct {
	encoded []byte
	cut     int // where the frames begin that no Cut has returned
	frames  int32
}

// usualHeader is the length of the header that most messages have.
const usualHeader = 4

// Add appends a frame with the payload that appendTo appends to what it is given.
func (b *Builder) Add(binary bool, appendTo func(dst []byte) []byte) {
	op := ws.OpText
	if binary {
		op = ws.OpBinary
	}
	start := len(b.encoded)
	b.encoded = appendTo(append(b.encoded, make([]byte, usualHeader)...))
	var header [serverHeader]byte
	h := appendHeader(header[:0], op, len(b.encoded)-start-usualHeader)
	if len(h) != usualHeader {
		payload := b.encoded[start+usualHeader:]
		b.encoded = append(b.encoded, make([]byte, serverHeader)...) // room, if there was too little
		n := copy(b.encoded[start+len(h):], payload)
		b.encoded = b.encoded[:start+len(h)+n]
	}
	copy(b.encoded[start:], h)
	b.frames++
}

// Append appends a frame that is there already.
func (b *Builder) Append(f Frame) {
	if len(f.encoded) > 0 {
		b.encoded = append(b.encoded, f.encoded...)
		b.frames += 1 + f.more
	}
}

// shared is how large what several Cuts lie in becomes.
const shared = 16 << 10

// Cut returns what was added since the last Cut. The pieces lie behind each other in
// memory that is let go of as a whole, so that a piece costs no allocation of its own. A
// builder is used with Cut or with Frame, not with both.
func (b *Builder) Cut() Frame {
	f := Frame{encoded: b.encoded[b.cut:len(b.encoded):len(b.encoded)], more: b.frames - 1}
	b.cut, b.frames = len(b.encoded), 0
	if b.cut >= shared {
		b.encoded, b.cut = make([]byte, 0, shared+shared/4), 0
	}
	return f
}

// Frame returns all that was added, and empties the builder.
func (b *Builder) Frame() Frame {
	f := Frame{encoded: bytes.Clone(b.encoded), more: b.frames - 1}
	if b.encoded, b.frames = b.encoded[:0], 0; cap(b.encoded) > chunk {
		b.encoded = nil
	}
	return f
}
