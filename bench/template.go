package main

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/gobwas/ws"

	"github.com/tidegate/tidegate/gateway/wire"
)

const (
	// envelopeBytes is about what stands around a payload.
	envelopeBytes = 128
	// likePosition is as long as the positions of most messages.
	likePosition = "1790000000000-0"
	// firstTicket is the first ackId of a publisher that wants acks: all that follow
	// have as many digits.
	firstTicket  = 1_000_000_000
	ticketDigits = 10
)

// limitGroup is a group's name. All names of a run have the same length.
func limitGroup(run string, group int) string { return fmt.Sprintf("bench-%s-%06x", run, group) }

// Template is one publish, ready to be sent but for a few digits: making it costs a
// copy, so that the load is not what a server waits for.
type Template struct {
	bytes   []byte
	mask    [4]byte
	start   int // of what is masked
	number  int // of a parcel's group, or -1
	name    int // of the digits in the group's name
	payload int
	ticket  int // of the ackId's digits, or -1
	text    int // of the payload in the message that members get
}

// newRequest returns the frame that publishes size bytes at a gateway. Its mask is
// drawn once: a server cannot tell, and must unmask it all the same.
func newRequest(run string, size int, acks bool) *Template {
	text := []byte(`{"type":"sendToGroup","group":"` + limitGroup(run, 0) + `","dataType":"text",`)
	ticket := -1
	if acks {
		text = append(text, `"ackId":`...)
		ticket = len(text)
		text = fmt.Appendf(text, "%d,", firstTicket)
	}
	text = append(text, `"data":"`...)
	text = append(appendPayload(text, Payload{}, size), `"}`...)
	t := newTemplate(appendFrame(nil, ws.OpText, text), text, run)
	copy(t.mask[:], t.bytes[t.start-len(t.mask):])
	if acks {
		t.ticket = t.start + ticket
	}
	return t
}

// newBareParcel returns the parcel that has a bare server deliver what a gateway
// would: the same frame, byte for byte but for the position.
func newBareParcel(run string, size int) (*Template, error) {
	text := envelope(run, size)
	frame, err := ws.CompileFrame(ws.NewTextFrame(text))
	if err != nil {
		return nil, err
	}
	t := newTemplate(appendParcel(nil, 0, frame), text, run)
	t.number = wordBytes
	return t, nil
}

// newTemplate finds the places in b, which ends in text, masked or not.
func newTemplate(b, text []byte, run string) *Template {
	t := &Template{bytes: b, start: len(b) - len(text), number: -1, ticket: -1}
	t.name = t.start + bytes.Index(text, []byte(limitGroup(run, 0))) + len(limitGroup(run, 0)) - groupDigits
	t.payload = t.start + bytes.Index(text, []byte(magic))
	t.text = bytes.Index(envelope(run, payloadMin), []byte(magic))
	return t
}

// envelope is a message as members of a group get it from a gateway.
func envelope(run string, size int) []byte {
	return wire.AppendMessage(nil, wire.Message{
		From: "group", Group: limitGroup(run, 0), Type: wire.Text,
		Data: appendPayload(nil, Payload{}, size), Position: []byte(likePosition),
	})
}

// stamp appends the publish of p; ticket is its ackId if the template has one.
func (t *Template) stamp(dst []byte, p Payload, ticket uint64) []byte {
	start := len(dst)
	dst = append(dst, t.bytes...)
	b := dst[start:]
	if t.number >= 0 {
		binary.BigEndian.PutUint32(b[t.number:], uint32(p.Group))
	}
	at := t.payload + len(magic)
	t.hex(b, t.name, uint64(p.Group), groupDigits)
	t.hex(b, at, uint64(p.Group), groupDigits)
	t.hex(b, at+groupDigits+slotDigits, p.Seq, seqDigits)
	t.hex(b, at+groupDigits+slotDigits+seqDigits, uint64(p.Due), dueDigits)
	if t.ticket >= 0 {
		for i := t.ticket + ticketDigits - 1; i >= t.ticket; i-- {
			b[i] = byte('0'+ticket%10) ^ t.mask[(i-t.start)&3]
			ticket /= 10
		}
	}
	return dst
}

// hex writes v in so many digits, masked as its place demands.
func (t *Template) hex(b []byte, at int, v uint64, digits int) {
	for i := at + digits - 1; i >= at; i-- {
		b[i] = "0123456789abcdef"[v&15] ^ t.mask[(i-t.start)&3]
		v >>= 4
	}
}
