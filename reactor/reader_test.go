package reactor

import (
	"bytes"
	"testing"

	"github.com/gobwas/ws"
)

// TestReaderIdle: between messages a reader holds nothing, however they came.
func TestReaderIdle(t *testing.T) {
	f := func(pieces ...[]byte) {
		t.Helper()
		var r reader
		for _, p := range pieces {
			for p = bytes.Clone(p); len(p) > 0; {
				_, rest, bad := r.next(p, small)
				if bad != nil {
					t.Fatal(bad.text)
				}
				p = rest
			}
		}
		if r.rest != nil {
			t.Errorf("a buffer is left after %x", pieces)
		}
	}
	hello := frame(ws.OpText, "hello")
	f(hello)
	f(hello[:1], hello[1:])
	f(hello[:5], hello[5:7], hello[7:])
	f(hello[:7], hello[7:])
	f(frame(ws.OpPing, "x")[:6], frame(ws.OpPing, "x")[6:])
	f(piece(ws.OpText, false, "x"), frame(ws.OpPing, "x"), piece(ws.OpContinuation, true, "x"))
}

// TestReaderGrowth: a header's promise allocates nothing.
func TestReaderGrowth(t *testing.T) {
	var r reader
	limit := &Config{MessageBytes: 1 << 30, Fragments: 1}
	b := []byte("\x82\xff\x00\x00\x00\x00\x3f\xff\xff\xff\x00\x00\x00\x00some")
	if _, _, bad := r.next(b, limit); bad != nil {
		t.Fatal(bad.text)
	}
	if c := cap(r.rest.message); c > 64 {
		t.Errorf("4 bytes of a promised gigabyte take a buffer of %d", c)
	}
}

// TestReadAllocs: a small message costs no allocation.
func TestReadAllocs(t *testing.T) {
	var r reader
	limit := &Config{MessageBytes: 1 << 20, Fragments: 10}
	in := join(frame(ws.OpText, "a small message, as most are"), frame(ws.OpBinary, "\x00"), frame(ws.OpPong, ""))
	buffer := make([]byte, len(in))
	events := 0
	if n := testing.AllocsPerRun(100, func() {
		copy(buffer, in)
		for p := buffer; len(p) > 0; events++ {
			var bad *fault
			if _, p, bad = r.next(p, limit); bad != nil {
				t.Fatal(bad.text)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations a round, want 0", n)
	}
	if events != 3*101 {
		t.Errorf("%d events, want %d", events, 3*101)
	}
}

func TestValidText(t *testing.T) {
	f := func(in string, complete int, ok bool) {
		t.Helper()
		if c, o := validText([]byte(in)); o != ok || ok && c != complete {
			t.Errorf("%x: %d %v, want %d %v", in, c, o, complete, ok)
		}
	}
	f("", 0, true)
	f("abc", 3, true)
	f("aκ", 3, true)
	f("a\xce", 1, true)
	f("a\xe2\x82", 1, true)
	f("\xf0\x9f\x98", 0, true)
	f("😀\xf0\x9f", 4, true)
	f("\x80", 0, false)
	f("\x80\x80\x80\x80", 0, false)
	f("a\xed\xa0", 0, false)
	f("a\xf4\x90", 0, false)
	f("\xff\xce", 0, false)
	f("\xc0", 0, false)
}
