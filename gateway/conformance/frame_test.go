package conformance

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The first octet of a frame (RFC 6455 section 5.2): one of the opcodes, with bits.
const (
	fin  = 0x80
	rsv1 = 0x40
	rsv2 = 0x20
	rsv3 = 0x10

	continuation = 0x0
	text         = 0x1
	binaries     = 0x2
	closing      = 0x8
	ping         = 0x9
	pong         = 0xa
)

// mask is the masking key of all frames but those of the cases about masks.
var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frame is a client's frame, with the shortest length.
func frame(first byte, payload string) []byte {
	return append(header(first, len(payload)), masked(payload, mask)...)
}

// header is what stands in front of a payload, the masking key included.
func header(first byte, n int) []byte {
	switch {
	case n < 126:
		return append([]byte{first, 0x80 | byte(n)}, mask[:]...)
	case n < 1<<16:
		return header16(first, n)
	}
	return header64(first, uint64(n))
}

func header16(first byte, n int) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{first, 0x80 | 126}, uint16(n)), mask[:]...)
}

func header64(first byte, n uint64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, n), mask[:]...)
}

func masked(payload string, key [4]byte) []byte {
	b := []byte(payload)
	subtle.XORBytes(b, b, bytes.Repeat(key[:], len(b)/4+1))
	return b
}

// unmasked is a frame as only a server may send it.
func unmasked(first byte, payload string) []byte {
	return append([]byte{first, byte(len(payload))}, payload...)
}

// fragments is a message of one frame a part.
func fragments(first byte, parts ...string) []byte {
	var b []byte
	for i, p := range parts {
		op := first
		if i > 0 {
			op = continuation
		}
		if i == len(parts)-1 {
			op |= fin
		}
		b = append(b, frame(op, p)...)
	}
	return b
}

// bye is a close frame's payload.
func bye(code int, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// squeeze is a message's payload compressed (RFC 7692 section 7.2.1).
func squeeze(s string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		return err.Error()
	}
	_, _ = w.Write([]byte(s)) // to memory: cannot fail
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// event is one thing that a server says: a message, a pong, a close.
type event struct {
	op      byte
	payload string // of a close frame: its code in digits, or nothing
}

func (e event) String() string {
	if len(e.payload) > 60 {
		return fmt.Sprintf("%x %q... (%d)", e.op, e.payload[:60], len(e.payload))
	}
	return fmt.Sprintf("%x %q", e.op, e.payload)
}

// reader reads what a server says, and is as strict with it as a client must be.
type reader struct {
	in       *bufio.Reader
	deflates bool // permessage-deflate was agreed on
}

// next is the next event; io.EOF after the last. The frames of a message are put
// together.
func (r *reader) next() (e event, err error) {
	compressed, begun := false, false
	for {
		first, payload, err := r.frame()
		if err != nil {
			return e, err
		}
		op := first & 0xf
		switch {
		case op >= closing:
			if begun {
				return e, errors.New("a control frame in a message, which this client does not await")
			}
			return control(first, payload)
		case begun != (op == continuation):
			return e, fmt.Errorf("opcode %x where it must not be", op)
		case first&rsv1 != 0 && (begun || !r.deflates), first&(rsv2|rsv3) != 0:
			return e, fmt.Errorf("reserved bits %x", first)
		}
		if !begun {
			begun, e.op, compressed = true, op, first&rsv1 != 0
		}
		e.payload += payload
		if first&fin == 0 {
			continue
		}
		if compressed {
			tail := "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
			b, err := io.ReadAll(flate.NewReader(strings.NewReader(e.payload + tail)))
			if err != nil {
				return e, err
			}
			e.payload = string(b)
		}
		if e.op == text && !utf8.ValidString(e.payload) {
			return e, errors.New("text that is not UTF-8")
		}
		return e, nil
	}
}

// frame reads one frame.
func (r *reader) frame() (first byte, payload string, err error) {
	var h [2]byte
	if _, err := io.ReadFull(r.in, h[:]); err != nil {
		return 0, "", err
	}
	n, least := uint64(h[1]), uint64(0)
	switch h[1] {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(r.in, b[:])
		n, least = uint64(binary.BigEndian.Uint16(b[:])), 126
	case 127:
		var b [8]byte
		_, err = io.ReadFull(r.in, b[:])
		n, least = binary.BigEndian.Uint64(b[:]), 1<<16
	}
	if err != nil || h[1] > 127 || n < least || n > 64<<20 {
		return 0, "", fmt.Errorf("a header %x with length %d (%v): masked, not the shortest, or cut", h, n, err)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r.in, b); err != nil {
		return 0, "", fmt.Errorf("a frame that is cut: %w", err)
	}
	return h[0], string(b), nil
}

// control is the event of a control frame.
func control(first byte, payload string) (event, error) {
	op := first & 0xf
	switch {
	case first&0xf0 != fin || len(payload) > 125 || op > pong:
		return event{}, fmt.Errorf("a control frame %x with %d octets", first, len(payload))
	case op != closing || payload == "":
		return event{op, payload}, nil
	case len(payload) == 1 || !utf8.ValidString(payload[2:]):
		return event{}, fmt.Errorf("a close frame with the payload %q", payload)
	}
	return event{op, fmt.Sprint(binary.BigEndian.Uint16([]byte(payload)))}, nil
}
