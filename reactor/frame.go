package reactor

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// Frame is one encoded frame, or several that a Builder has put together, immutable
// by type: made once, it may be sent to any number of connections of any worker, and
// kept. The zero Frame sends nothing.
type Frame struct {
	encoded []byte
	more    int32 // frames beside the first
}

// Len is the size on the wire, in bytes.
func (f Frame) Len() int { return len(f.encoded) }

// serverHeader is the room for the longest header of an unmasked frame (RFC 6455
// section 5.2): two bytes and a 64-bit length.
const serverHeader = 2 + 8

// NewFrame encodes a message of one frame. The payload is copied. May be called
// on any goroutine.
func NewFrame(payload []byte, binary bool) Frame {
	return BuildFrame(binary, len(payload), func(dst []byte) []byte { return append(dst, payload...) })
}

// BuildFrame encodes a message whose payload appendTo appends to the slice that
// it is given, at the place where it stays: with a hint that is large enough, in
// bytes, header and payload are one allocation and nothing is copied. May be
// called on any goroutine.
func BuildFrame(binary bool, hint int, appendTo func(dst []byte) []byte) Frame {
	op := ws.OpText
	if binary {
		op = ws.OpBinary
	}
	b := appendTo(make([]byte, serverHeader, serverHeader+hint))
	return sealed(op, b)
}

// controlFrame encodes a ping, pong or close frame of at most 125 bytes payload.
func controlFrame(op ws.OpCode, payload []byte) Frame {
	return sealed(op, append(make([]byte, serverHeader, serverHeader+len(payload)), payload...))
}

// closeFrame encodes a close frame (RFC 6455 section 5.5.1). A text that does not
// fit is cut at a rune, since half of one would be bad UTF-8.
func closeFrame(code ws.StatusCode, text string) Frame {
	const room = ws.MaxControlFramePayloadSize - 2
	if len(text) > room {
		n := room
		for n > 0 && text[n]&0xc0 == 0x80 {
			n--
		}
		text = text[:n]
	}
	return controlFrame(ws.OpClose, ws.NewCloseFrameBody(code, text))
}

// sealed writes the header right in front of the payload, which starts at
// serverHeader: how long the header is, is known only now. ws.WriteHeader writes
// to an io.Writer, so the payload would have to be copied behind it.
func sealed(op ws.OpCode, b []byte) Frame {
	var header [serverHeader]byte
	h := appendHeader(header[:0], op, len(b)-serverHeader)
	b = b[serverHeader-len(h):]
	copy(b, h)
	return Frame{encoded: b}
}

// appendHeader appends the header of an unmasked frame that is a whole message (RFC
// 6455 section 5.2).
func appendHeader(dst []byte, op ws.OpCode, payload int) []byte {
	const fin = 0x80
	dst = append(dst, fin|byte(op))
	switch {
	case payload < 126:
		return append(dst, byte(payload))
	case payload < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(payload))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(payload))
}
