package main

import (
	"bytes"
	"testing"
	"time"
)

func TestPayloadRoundTrip(t *testing.T) {
	f := func(p Payload, size int) {
		t.Helper()
		b := appendPayload(nil, p, size)
		if len(b) != max(size, payloadMin) {
			t.Errorf("%+v: %d bytes, want %d", p, len(b), size)
		}
		if i := bytes.IndexFunc(b, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > '~' }); i >= 0 {
			t.Errorf("%q: byte %d would need escaping in JSON", b, i)
		}
		got, ok := findPayload(b, size)
		if !ok || got != p {
			t.Errorf("%q reads as %+v, %v; want %+v", b, got, ok, p)
		}
	}
	f(Payload{}, payloadMin)
	f(Payload{Group: 99, Slot: 9, Seq: 12345, Due: 30 * time.Second}, 128)
	f(Payload{Group: 1<<24 - 1, Slot: 1<<24 - 1, Seq: 1<<48 - 1, Due: 1<<56 - 1}, 4096)
	f(Payload{Group: 1}, 0)
}

func TestFindPayload(t *testing.T) {
	p := Payload{Group: 3, Slot: 1, Seq: 7, Due: time.Millisecond}
	text := string(appendPayload(nil, p, 64))
	f := func(message string, want bool) {
		t.Helper()
		got, ok := findPayload([]byte(message), 64)
		if ok != want {
			t.Errorf("%q: found = %v, want %v", message, ok, want)
		}
		if ok && got != p {
			t.Errorf("%q: %+v, want %+v", message, got, p)
		}
	}
	f(text, true)
	f(`{"type":"message","from":"group","group":"g","dataType":"text","data":"`+text+`","position":"1-0"}`, true)
	f(`{"data":"`+text[:63], false) // cut short
	f(text[1:], false)              // no magic
	f("", false)
	f(magic, false)
	f(magic+"00000g"+text[14:], false) // not a digit
	f(magic+"00000A"+text[14:], false) // not one of ours: we write lower case
	f(`{"type":"ack","ackId":1,"success":true}`, false)
}

func TestPayloadDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 256)
	p := Payload{Group: 3, Slot: 1, Seq: 7, Due: time.Millisecond}
	n := testing.AllocsPerRun(100, func() {
		buf = appendPayload(buf[:0], p, 128)
		if _, ok := findPayload(buf, 128); !ok {
			t.Fatal("not found")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations a message, want 0", n)
	}
}

func BenchmarkFindPayload(b *testing.B) {
	text := appendPayload(nil, Payload{Group: 3}, 128)
	frame := append([]byte(`{"type":"message","from":"group","group":"bench-12ab-42","dataType":"text","data":"`), text...)
	for b.Loop() {
		if _, ok := findPayload(frame, 128); !ok {
			b.Fatal("not found")
		}
	}
}
