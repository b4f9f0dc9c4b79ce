package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

var stamped = Payload{Group: 0xabc, Seq: 0x123456789, Due: 98765 * time.Microsecond}

// A stamped request is a frame that any server reads, with the payload in it.
func TestRequest(t *testing.T) {
	f := func(size int, acks bool, ticket uint64) {
		t.Helper()
		tmpl := newRequest("1", size, acks)
		before := bytes.Clone(tmpl.bytes)
		b := tmpl.stamp([]byte("before"), stamped, ticket)[len("before"):]
		frame, err := readFrame(bytes.NewReader(b))
		if err != nil || !frame.Header.Masked || frame.Header.OpCode != ws.OpText || ws.HeaderSize(frame.Header)+len(frame.Payload) != len(b) {
			t.Fatalf("%+v, %v", frame.Header, err)
		}
		var r struct {
			Type, Group, DataType, Data string
			AckID                       *uint64
		}
		if err := json.Unmarshal(ws.UnmaskFrame(frame).Payload, &r); err != nil {
			t.Fatal(err)
		}
		if r.Type != "sendToGroup" || r.Group != limitGroup("1", stamped.Group) || r.DataType != "text" || len(r.Data) != size {
			t.Errorf("%+v", r)
		}
		if p, ok := findPayload([]byte(r.Data), size); !ok || p != stamped {
			t.Errorf("%+v, want %+v", p, stamped)
		}
		if (r.AckID != nil) != acks || acks && *r.AckID != ticket {
			t.Errorf("ackId %v, want %d", r.AckID, ticket)
		}
		if !bytes.Equal(before, tmpl.bytes) {
			t.Error("stamping changes the template")
		}
	}
	f(64, false, 0)
	f(1024, false, 0)
	f(70_000, false, 0)
	f(64, true, firstTicket)
	f(64, true, firstTicket+987_654_321)
}

// A parcel has the frame in it that a gateway would deliver, and is for the group.
func TestBareParcel(t *testing.T) {
	for _, size := range []int{64, 1024, 70_000} {
		tmpl, err := newBareParcel("1", size)
		if err != nil {
			t.Fatal(err)
		}
		group, b, n, err := readParcel(tmpl.stamp(nil, stamped, 0))
		if int(group) != stamped.Group || n != parcelHeader+len(b) || err != nil {
			t.Fatalf("group %d, %d bytes, %v", group, n, err)
		}
		h, header, err := frameHeader(b)
		if err != nil || !h.Fin || h.OpCode != ws.OpText || header+int(h.Length) != len(b) {
			t.Fatalf("%+v, %v", h, err)
		}
		var m struct{ Type, From, Group, DataType, Data, Position string }
		if err := json.Unmarshal(b[header:], &m); err != nil {
			t.Fatal(err)
		}
		if m.Group != limitGroup("1", stamped.Group) || m.Position != likePosition || len(m.Data) != size {
			t.Errorf("%+v", m)
		}
		if p, ok := readPayload(b[header+tmpl.text:]); !ok || p != stamped {
			t.Errorf("%+v where the payload is due, want %+v", p, stamped)
		}
	}
}

func BenchmarkStamp(b *testing.B) {
	tmpl := newRequest("1", 64, false)
	var buf []byte
	for b.Loop() {
		buf = tmpl.stamp(buf[:0], stamped, 0)
	}
}
