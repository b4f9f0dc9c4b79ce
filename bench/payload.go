package main

import (
	"bytes"
	"time"
)

// magic begins every payload of ours. A receiver looks for it in the frame
// instead of decoding JSON: one vectorised search for the price of nothing.
const magic = "tgbench1"

// The widths of the payload's fields, in hexadecimal digits. Fixed widths keep a
// payload's size independent of its values, and text keeps it legal wherever a
// server insists on UTF-8 or JSON.
const (
	groupDigits = 6
	slotDigits  = 6
	seqDigits   = 12
	dueDigits   = 14

	payloadMin = len(magic) + groupDigits + slotDigits + seqDigits + dueDigits
)

// Payload is what one message says about itself:
//
//	tgbench1 gggggg ssssss nnnnnnnnnnnn tttttttttttttt ....   (without the blanks)
//
// group, publisher's slot in the group, sequence number of that publisher in that
// group, due time in nanoseconds since the start of the run, padding.
type Payload struct {
	Group int
	Slot  int
	Seq   uint64
	Due   time.Duration
}

// appendPayload appends p's text, padded to size bytes (at least payloadMin).
func appendPayload(dst []byte, p Payload, size int) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = appendHex(dst, uint64(p.Group), groupDigits)
	dst = appendHex(dst, uint64(p.Slot), slotDigits)
	dst = appendHex(dst, p.Seq, seqDigits)
	dst = appendHex(dst, uint64(p.Due), dueDigits)
	for len(dst)-start < size {
		dst = append(dst, '.')
	}
	return dst
}

// findPayload finds and reads the payload of size bytes in a message, whatever
// the frame says around it. False if there is none, or less than all of it.
func findPayload(message []byte, size int) (p Payload, ok bool) {
	at := bytes.Index(message, []byte(magic))
	if at < 0 || len(message)-at < max(size, payloadMin) {
		return p, false
	}
	return readPayload(message[at:])
}

// readPayload reads the payload that begins where b does, which has at least
// payloadMin bytes.
func readPayload(b []byte) (p Payload, ok bool) {
	if string(b[:len(magic)]) != magic {
		return p, false
	}
	b = b[len(magic):]
	group, ok1 := readHex(b[:groupDigits])
	b = b[groupDigits:]
	slot, ok2 := readHex(b[:slotDigits])
	b = b[slotDigits:]
	seq, ok3 := readHex(b[:seqDigits])
	b = b[seqDigits:]
	due, ok4 := readHex(b[:dueDigits])
	return Payload{int(group), int(slot), seq, time.Duration(due)}, ok1 && ok2 && ok3 && ok4
}

// appendHex appends v in exactly so many digits; higher ones are cut off.
func appendHex(dst []byte, v uint64, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[v>>shift&15])
	}
	return dst
}

// readHex is appendHex backwards, and as strict: what we did not write is not ours.
func readHex(b []byte) (v uint64, ok bool) {
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
