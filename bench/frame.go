package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/gobwas/ws"
)

// errMasked is a server that breaks RFC 6455 section 5.1.
var errMasked = errors.New("the server masks its frames")

// frameHeader reads the header at the start of b (RFC 6455, section 5.2). size is
// its length, and 0 if b does not hold all of it yet. ws.ReadHeader does the same
// for an io.Reader, at an allocation a frame.
func frameHeader(b []byte) (h ws.Header, size int, err error) {
	if len(b) < ws.MinHeaderSize {
		return h, 0, nil
	}
	h.Fin = b[0]&0x80 != 0
	h.Rsv = b[0] >> 4 & 7
	h.OpCode = ws.OpCode(b[0] & 15)
	// Checked here although a gateway of ours would not do it: a harness that reads
	// masked or compressed bytes as they are counts every message as lost.
	if b[1]&0x80 != 0 {
		return h, 0, errMasked
	}
	if h.Rsv != 0 {
		return h, 0, ws.ErrProtocolNonZeroRsv
	}
	switch length := b[1] & 0x7f; {
	case length < 126:
		h.Length, size = int64(length), 2
	case length == 126 && len(b) >= 4:
		h.Length, size = int64(binary.BigEndian.Uint16(b[2:])), 4
	case length == 127 && len(b) >= 10:
		h.Length, size = int64(binary.BigEndian.Uint64(b[2:])), 10
	}
	if h.Length < 0 {
		return h, 0, ws.ErrHeaderLengthMSB
	}
	return h, size, nil
}

// appendFrame appends a client's frame: header, mask and masked payload.
func appendFrame(dst []byte, op ws.OpCode, payload []byte) []byte {
	dst = append(dst, 0x80|byte(op))
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	// A mask must not be guessed (RFC 6455, section 5.3), not even
	// that of a client that has nothing to hide.
	var mask [4]byte
	binary.LittleEndian.PutUint32(mask[:], rand.Uint32())
	dst = append(dst, mask[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	ws.Cipher(dst[start:], mask, 0)
	return dst
}

// closeReason puts a close frame's payload (RFC 6455, section 5.5.1) into words.
func closeReason(payload []byte) string {
	code, reason := ws.ParseCloseFrameData(payload)
	switch {
	case code.Empty():
		return "the server closed it without a code"
	case reason == "":
		return fmt.Sprintf("the server closed it with %d", code)
	}
	return fmt.Sprintf("the server closed it with %d (%s)", code, reason)
}
