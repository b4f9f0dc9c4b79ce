package reactor

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// squeeze is a client's compressed payload.
func squeeze(s string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	_, _ = w.Write([]byte(s))
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

// rsv marks a frame as the first of a compressed message.
func rsv(frame []byte) []byte {
	frame[0] |= 0x40
	return frame
}

// zlibs is what zlib, which browsers and Node.js use, makes of zlibsText.
const (
	zlibs     = "\xaa\x56\x2a\xa9\x2c\x48\x55\xb2\x52\x2a\x4e\xcd\x4b\x09\xc9\x77\x2f\xca\x2f\x2d\x50\xd2\x51\x4a\x07\xd3\x56\x4a\x39\xf9\x49\x49\x95\x40\x7e\x4a\x62\x49\x62\x08\x44\x61\x49\x6a\x45\x09\x54\x04\xc8\xcb\x48\xcd\xc9\xc9\x57\x38\xb7\xeb\x7c\xcf\xf9\xe6\x73\x7b\xce\x6d\x55\x18\x15\xa0\x58\x40\xa9\x16\x00"
	zlibsHead = `{"type":"sendToGroup","group":"lobby","dataType":"text","data":"`
)

var zlibsText = zlibsHead + strings.Repeat("hello κόσμε ", 20) + `"}`

// TestDeflateConformance has compressed input echoed, in one piece and octet by octet, by
// connections that agreed, and compares all of the answer and the reason.
func TestDeflateConformance(t *testing.T) {
	r := start(t, Config{Workers: 1, MessageBytes: 70_000, Fragments: 5})
	f := func(name string, deflate bool, in, want []byte, why Reason) {
		t.Helper()
		for _, octets := range []bool{false, true} {
			h := newPeer(echo)
			server, c := pair(t)
			if err := r.Adopt(server, nil, h, deflate); err != nil {
				t.Fatal(err)
			}
			if conn := within(t, "Open", h.conn); conn.Deflates() != deflate {
				t.Errorf("%s: Deflates is %v", name, conn.Deflates())
			}
			if octets {
				sendOctets(t, c, in)
			} else {
				send(t, c, in)
			}
			got, err := io.ReadAll(c)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: got %q (%v), want %q", name, clip(got), err, clip(want))
			}
			c.Close()
			if got := within(t, "Closed", h.closed); got != why {
				t.Errorf("%s: reason %s, want %s", name, got, why)
			}
		}
	}
	ok := func(name string, in []byte, text string) {
		t.Helper()
		f(name, true, join(in, bye(1000, "")), join(answer(ws.OpText, text), answerClose(1000, "")), ClientClosed)
	}
	broken := func(name string, deflate bool, in []byte, code ws.StatusCode, text string, why Reason) {
		t.Helper()
		then := frame(ws.OpText, "then")
		f(name, deflate, join(in, then), answerClose(code, text), why)
	}
	goodMessages(ok)
	badMessages(broken)
}

func goodMessages(ok func(name string, in []byte, text string)) {
	// The examples of RFC 7692 section 7.2.3.
	ok("one block", rsv(frame(ws.OpText, "\xf2\x48\xcd\xc9\xc9\x07\x00")), "Hello")
	ok("two fragments", join(rsv(piece(ws.OpText, false, "\xf2\x48\xcd")), piece(ws.OpContinuation, true, "\xc9\xc9\x07\x00")), "Hello")
	ok("stored", rsv(frame(ws.OpText, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00")), "Hello")
	ok("last block", rsv(frame(ws.OpText, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")), "Hello")
	ok("two blocks", rsv(frame(ws.OpText, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")), "Hello")
	ok("empty", rsv(frame(ws.OpText, "\x00")), "")
	ok("no octets", rsv(frame(ws.OpText, "")), "")
	ok("of zlib", rsv(frame(ws.OpText, zlibs)), zlibsText)
	ok("not compressed", frame(ws.OpText, "plain"), "plain")
	ok("a rune over fragments", join(rsv(piece(ws.OpText, false, squeeze("κ")[:2])), piece(ws.OpContinuation, true, squeeze("κ")[2:])), "κ")
	ok("as large as may be", rsv(frame(ws.OpText, squeeze(strings.Repeat("x", 70_000)))), strings.Repeat("x", 70_000))
}

func badMessages(broken func(name string, deflate bool, in []byte, code ws.StatusCode, text string, why Reason)) {
	hello := squeeze("Hello")
	misuse := func(name string, deflate bool, in []byte, err error) {
		broken(name, deflate, in, 1002, err.Error(), ProtocolError)
	}
	misuse("not agreed", false, rsv(frame(ws.OpText, hello)), ws.ErrProtocolNonZeroRsv)
	misuse("on a ping", true, rsv(frame(ws.OpPing, "")), ws.ErrProtocolNonZeroRsv)
	misuse("on a close", true, rsv(frame(ws.OpClose, "")), ws.ErrProtocolNonZeroRsv)
	misuse("on a continuation", true, join(rsv(piece(ws.OpText, false, hello)), rsv(piece(ws.OpContinuation, true, ""))), ws.ErrProtocolNonZeroRsv)
	misuse("unmasked", true, rsv(answer(ws.OpText, hello)), ws.ErrProtocolMaskRequired)
	misuse("in a message", true, join(piece(ws.OpText, false, "x"), rsv(frame(ws.OpText, hello))), ws.ErrProtocolContinuationExpected)
	both := rsv(frame(ws.OpText, hello))
	both[0] |= 0x20
	misuse("with RSV2", true, both, ws.ErrProtocolNonZeroRsv)

	broken("bad data", true, rsv(frame(ws.OpText, "\xff\xff\xff")), 1007, faultDeflate.text, BadDeflate)
	broken("a distance too far", true, rsv(frame(ws.OpText, "\x02\x13\x00")), 1007, faultDeflate.text, BadDeflate)
	broken("bad text", true, rsv(frame(ws.OpText, squeeze("\xed\xa0\x80"))), 1007, faultUTF8.text, BadUTF8)
	broken("half a rune", true, rsv(frame(ws.OpText, squeeze("x\xce"))), 1007, faultUTF8.text, BadUTF8)
	broken("a bomb", true, rsv(frame(ws.OpBinary, squeeze(strings.Repeat("\x00", 4<<20)))), 1009, faultTooBig.text, TooBig)
	broken("one too large", true, rsv(frame(ws.OpBinary, squeeze(strings.Repeat("x", 70_001)))), 1009, faultTooBig.text, TooBig)
}

// TestInflaterMemory: neither a bomb nor a large message leaves more with the
// worker than the next message may need, and a small one allocates nothing.
func TestInflaterMemory(t *testing.T) {
	var d inflater
	if _, bad := d.message([]byte(squeeze(strings.Repeat("\x00", 64<<20))), false, 100_000); bad != faultTooBig {
		t.Errorf("a bomb: %v", bad)
	}
	if cap(d.out) > 4*100_000 {
		t.Errorf("a bomb leaves %d bytes", cap(d.out))
	}
	small := []byte(squeeze("Hello"))
	if n := testing.AllocsPerRun(100, func() {
		if p, bad := d.message(small, true, 100); bad != nil || string(p) != "Hello" {
			t.Error(bad, p)
		}
	}); n > 0 {
		t.Errorf("%v allocations a message, want 0", n)
	}
	if cap(d.out) > keptInflated {
		t.Errorf("%d bytes are kept", cap(d.out))
	}
}

// TestDeflated: a frame that was deflated is one that a reader with permission
// inflates to the same; what would not become smaller is left alone.
func TestDeflated(t *testing.T) {
	random := make([]byte, 1000)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	f := func(payload []byte, binary, smaller bool) {
		t.Helper()
		plain := NewFrame(payload, binary)
		for range 2 { // the second uses the first's deflater
			got := plain.Deflated()
			if smaller != (got.Len() < plain.Len()) || got.Len() > plain.Len() {
				t.Errorf("%d bytes became %d", plain.Len(), got.Len())
			}
			h, size, bad := decodeHeader(got.encoded)
			if bad != nil || int(h.Length) != got.Len()-size || (h.Rsv == rsv1) != smaller || !h.Fin || (h.OpCode == ws.OpBinary) != binary {
				t.Errorf("header %+v, %v", h, bad)
			}
			if !smaller {
				continue
			}
			var d inflater
			if p, bad := d.message(got.encoded[size:], !binary, len(payload)); bad != nil || !bytes.Equal(p, payload) {
				t.Errorf("inflated to %q, %v", clip(p), bad)
			}
			if again := got.Deflated(); !bytes.Equal(again.encoded, got.encoded) {
				t.Error("deflated twice")
			}
		}
	}
	f([]byte(zlibsText), false, true)
	f(bytes.Repeat([]byte("x"), 200_000), true, true)
	f([]byte("short"), false, false)
	f(nil, false, false)
	f(random, true, false)
	if (Frame{}).Deflated().Len() != 0 || ping.Deflated().Len() != ping.Len() {
		t.Error("the zero frame or a ping changed")
	}
}

// TestDeflatedIsSent: members that agreed get the compressed frame, byte for byte.
func TestDeflatedIsSent(t *testing.T) {
	r := start(t, Config{Workers: 1})
	plain := NewFrame([]byte(zlibsText), false)
	small := plain.Deflated()
	for deflate, want := range map[bool]Frame{true: small, false: plain} {
		h := newPeer(nil)
		h.open = func(c *Conn) {
			if c.Deflates() {
				c.Offer(small)
			} else {
				c.Offer(plain)
			}
		}
		server, c := pair(t)
		if err := r.Adopt(server, nil, h, deflate); err != nil {
			t.Fatal(err)
		}
		expect(t, net.Conn(c), want.encoded)
		c.Close()
	}
}

// BenchmarkDeflate is what compressing once a message, and inflating one, cost.
func BenchmarkDeflate(b *testing.B) {
	f := NewFrame([]byte(zlibsText), false)
	b.Run("deflate", func(b *testing.B) {
		b.SetBytes(int64(len(zlibsText)))
		b.ReportAllocs()
		for b.Loop() {
			sink = f.Deflated()
		}
		b.ReportMetric(float64(sink.Len())/float64(f.Len()), "size")
	})
	b.Run("inflate", func(b *testing.B) {
		var d inflater
		b.SetBytes(int64(len(zlibsText)))
		b.ReportAllocs()
		for b.Loop() {
			if _, bad := d.message([]byte(zlibs), true, 1<<20); bad != nil {
				b.Fatal(bad.text)
			}
		}
	})
}
