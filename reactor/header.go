package reactor

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// fault is input that breaks a rule: what the client is told and what is counted.
type fault struct {
	code ws.StatusCode
	text string
	why  Reason
}

// The faults that are not ws.CheckHeader's.
var (
	faultLength     = &fault{ws.StatusProtocolError, "the top bit of a 64-bit length must be 0", ProtocolError}
	faultCloseSize  = &fault{ws.StatusProtocolError, "a close frame's payload has no or at least two bytes", ProtocolError}
	faultCloseCode  = &fault{ws.StatusProtocolError, "this close code must not be sent", ProtocolError}
	faultUTF8       = &fault{ws.StatusInvalidFramePayloadData, "text must be UTF-8", BadUTF8}
	faultDeflate    = &fault{ws.StatusInvalidFramePayloadData, "the compressed message is not DEFLATE data", BadDeflate}
	faultTooBig     = &fault{ws.StatusMessageTooBig, "the message is over limits.message_bytes", TooBig}
	faultFragmented = &fault{ws.StatusPolicyViolation, "the message has more frames than limits.message_fragments", TooManyFragments}
)

// decodeHeader decodes the header that b begins with (RFC 6455 section 5.2) and
// says how long it is: 0 if b ends before it does. ws.ReadHeader does the same from
// an io.Reader, with an allocation and in nine times the time (BenchmarkHeader).
func decodeHeader(b []byte) (h ws.Header, size int, bad *fault) {
	if len(b) < 2 {
		return h, 0, nil
	}
	h.Fin = b[0]&0x80 != 0
	h.Rsv = b[0] & 0x70 >> 4
	h.OpCode = ws.OpCode(b[0] & 0x0f)
	h.Masked = b[1]&0x80 != 0
	h.Length = int64(b[1] & 0x7f)

	extended := 0 // bytes of a longer length, between the two and the mask
	switch h.Length {
	case 126:
		extended = 2
	case 127:
		extended = 8
	}
	size = 2 + extended
	if h.Masked {
		size += len(h.Mask)
	}
	if len(b) < size {
		return h, 0, nil
	}
	switch extended {
	case 2:
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
	case 8:
		length := binary.BigEndian.Uint64(b[2:])
		if length>>63 != 0 {
			return h, size, faultLength
		}
		h.Length = int64(length)
	}
	if h.Masked {
		copy(h.Mask[:], b[2+extended:])
	}
	return h, size, nil
}

// checkClose checks the payload of a client's close frame (RFC 6455 sections
// 5.5.1 and 7.4). The codes are our own check: ws.CheckCloseFrameData refuses
// 1012 to 1014, which the registry of section 11.7 has, and accepts 5000 and up.
func checkClose(payload []byte) *fault {
	if len(payload) == 0 {
		return nil
	}
	if len(payload) == 1 {
		return faultCloseSize
	}
	switch code := binary.BigEndian.Uint16(payload); {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
	default:
		return faultCloseCode
	}
	if complete, ok := validText(payload[2:]); !ok || complete != len(payload)-2 {
		return faultUTF8
	}
	return nil
}
