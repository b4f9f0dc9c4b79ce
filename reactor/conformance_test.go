package reactor

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// TestConformance sends bytes to an echo server, in one piece and one by one, and
// compares every byte of the answer, up to the end of the connection.
func TestConformance(t *testing.T) {
	r := start(t, Config{Workers: 2, MessageBytes: 70_000, Fragments: 5})
	f := func(name string, in, want []byte, why Reason) {
		t.Helper()
		for _, way := range []struct {
			name  string
			write func(*testing.T, net.Conn, []byte)
		}{{"whole", func(t *testing.T, c net.Conn, b []byte) { send(t, c, b) }}, {"octets", sendOctets}} {
			if way.name == "octets" && len(in) > 5000 {
				continue
			}
			t.Run(name+"/"+way.name, func(t *testing.T) {
				h := newPeer(echo)
				c := connect(t, r, h)
				way.write(t, c, in)
				got, err := io.ReadAll(c)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("got %q (%v), want %q", clip(got), err, clip(want))
				}
				c.Close()
				if got := within(t, "Closed", h.closed); got != why {
					t.Errorf("reason %s, want %s", got, why)
				}
			})
		}
	}
	// ok is what a client says and hears that then closes with 1000.
	ok := func(name string, in, want []byte) {
		t.Helper()
		f(name, join(in, bye(1000, "")), join(want, answerClose(1000, "")), ClientClosed)
	}
	// broken is input after which the server closes, in spite of a message that follows.
	broken := func(name string, in []byte, code ws.StatusCode, text string, why Reason) {
		t.Helper()
		first, then := frame(ws.OpText, "first"), frame(ws.OpText, "then")
		f(name, join(first, in, then), join(answer(ws.OpText, "first"), answerClose(code, text)), why)
	}
	messages(ok)
	brokenFrames(broken)
	badText(broken)
	closes(f)
}

// sendOctets writes one byte a segment.
func sendOctets(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	for i := range b {
		send(t, c, b[i:i+1])
	}
}

func clip(b []byte) string {
	if len(b) > 200 {
		return fmt.Sprintf("%s... (%d bytes)", b[:200], len(b))
	}
	return string(b)
}

func messages(ok func(name string, in, want []byte)) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 70_000} {
		long := strings.Repeat("*", n)
		ok(fmt.Sprintf("text of %d", n), frame(ws.OpText, long), answer(ws.OpText, long))
		ok(fmt.Sprintf("binary of %d", n), frame(ws.OpBinary, long), answer(ws.OpBinary, long))
	}
	ok("two", join(frame(ws.OpText, "a"), frame(ws.OpText, "b")), join(answer(ws.OpText, "a"), answer(ws.OpText, "b")))
	ok("length in more bytes than needed", []byte("\x82\xff\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00x"), answer(ws.OpBinary, "x"))
	ok("fragments", join(piece(ws.OpText, false, "he"), piece(ws.OpContinuation, false, ""), piece(ws.OpContinuation, true, "llo")), answer(ws.OpText, "hello"))
	ok("empty fragments", join(piece(ws.OpBinary, false, ""), piece(ws.OpContinuation, true, "")), answer(ws.OpBinary, ""))
	ok("ping between fragments", join(piece(ws.OpText, false, "he"), frame(ws.OpPing, "p"), piece(ws.OpContinuation, true, "llo")),
		join(answer(ws.OpPong, "p"), answer(ws.OpText, "hello")))
	ok("ping", frame(ws.OpPing, ""), answer(ws.OpPong, ""))
	ok("ping of 125", frame(ws.OpPing, strings.Repeat("\xfe", 125)), answer(ws.OpPong, strings.Repeat("\xfe", 125)))
	ok("pong", frame(ws.OpPong, "nobody asked"), nil)
	ok("runes over fragments", join(piece(ws.OpText, false, "\xce"), piece(ws.OpContinuation, false, "\xba\xe1\xbd"), piece(ws.OpContinuation, true, "\xb9")), answer(ws.OpText, "κό"[:2]+"\xe1\xbd\xb9"))
	ok("as many fragments as allowed", join(piece(ws.OpText, false, "1"), piece(ws.OpContinuation, false, "2"), piece(ws.OpContinuation, false, "3"),
		piece(ws.OpContinuation, false, "4"), piece(ws.OpContinuation, true, "5")), answer(ws.OpText, "12345"))
}

func brokenFrames(broken func(name string, in []byte, code ws.StatusCode, text string, why Reason)) {
	f := func(name string, in []byte, text error) {
		broken(name, in, 1002, text.Error(), ProtocolError)
	}
	f("unmasked", answer(ws.OpText, "x"), ws.ErrProtocolMaskRequired)
	for bit := range 3 {
		b := frame(ws.OpText, "x")
		b[0] |= 0x10 << bit
		f(fmt.Sprintf("RSV%d", 3-bit), b, ws.ErrProtocolNonZeroRsv)
	}
	for _, op := range []ws.OpCode{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		f(fmt.Sprintf("opcode %d", op), frame(op, ""), ws.ErrProtocolOpCodeReserved)
	}
	f("continuation of nothing", piece(ws.OpContinuation, true, "x"), ws.ErrProtocolContinuationUnexpected)
	f("text in a message", join(piece(ws.OpText, false, "x"), frame(ws.OpText, "y")), ws.ErrProtocolContinuationExpected)
	f("ping of 126", frame(ws.OpPing, strings.Repeat("x", 126)), ws.ErrProtocolControlPayloadOverflow)
	f("fragmented ping", piece(ws.OpPing, false, "x"), ws.ErrProtocolControlNotFinal)
	f("fragmented close", piece(ws.OpClose, false, "\x03\xe8"), ws.ErrProtocolControlNotFinal)
	broken("top bit of the length", []byte("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00x"), 1002, faultLength.text, ProtocolError)

	tooBig := func(name string, in []byte) { broken(name, in, 1009, faultTooBig.text, TooBig) }
	tooBig("header of 70001", []byte("\x82\xff\x00\x00\x00\x00\x00\x01\x11\x71\x00\x00\x00\x00"))
	tooBig("header of 2^63-1", []byte("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"))
	tooBig("fragments together", join(piece(ws.OpBinary, false, "xy"), []byte("\x80\xff\x00\x00\x00\x00\x00\x01\x11\x6f\x00\x00\x00\x00")))
	six := piece(ws.OpText, false, "")
	for range 5 {
		six = join(six, piece(ws.OpContinuation, false, ""))
	}
	broken("fragments", six, 1008, faultFragmented.text, TooManyFragments)
}

func badText(broken func(name string, in []byte, code ws.StatusCode, text string, why Reason)) {
	for _, s := range []string{
		"\xff", "\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xce", "\xe2\x82", "\xf0\x9f\x98", "κόσμε\xed\xa0\x80edited",
	} {
		broken(fmt.Sprintf("text %x", s), frame(ws.OpText, s), 1007, faultUTF8.text, BadUTF8)
		broken(fmt.Sprintf("text %x in the end", s), join(piece(ws.OpText, false, "a"), piece(ws.OpContinuation, true, s)), 1007, faultUTF8.text, BadUTF8)
		broken(fmt.Sprintf("close text %x", s), bye(1000, s), 1007, faultUTF8.text, BadUTF8)
	}
}

func closes(f func(name string, in, want []byte, why Reason)) {
	more := frame(ws.OpText, "after the end")
	f("close without code", join(frame(ws.OpClose, ""), more), answer(ws.OpClose, ""), ClientClosed)
	f("close with 1 byte", join(frame(ws.OpClose, "x"), more), answerClose(1002, faultCloseSize.text), ProtocolError)
	f("close with text", join(bye(1001, "going κ"), more), answerClose(1001, ""), ClientClosed)
	for _, code := range []ws.StatusCode{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		f(fmt.Sprintf("close %d", code), join(bye(code, "x"), more), answerClose(code, ""), ClientClosed)
	}
	for _, code := range []ws.StatusCode{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		f(fmt.Sprintf("close %d", code), join(bye(code, "x"), more), answerClose(1002, faultCloseCode.text), ProtocolError)
	}
	f("close in a message", join(piece(ws.OpText, false, "x"), bye(1000, "")), answerClose(1000, ""), ClientClosed)
	f("answers before the close", join(frame(ws.OpText, "1"), frame(ws.OpPing, "2"), bye(1000, "")),
		join(answer(ws.OpText, "1"), answer(ws.OpPong, "2"), answerClose(1000, "")), ClientClosed)
}

// TestFailFast: text that cannot become valid is refused before its frame ends.
func TestFailFast(t *testing.T) {
	r := start(t, Config{Workers: 1})
	f := func(in []byte) {
		t.Helper()
		c := connect(t, r, newPeer(echo))
		send(t, c, in)
		expect(t, c, answerClose(1007, faultUTF8.text))
	}
	begun := func(op ws.OpCode, s string, missing int) []byte {
		b := frame(op, s+strings.Repeat("x", missing))
		return b[:len(b)-missing]
	}
	f(begun(ws.OpText, "good\xff", 1))
	f(begun(ws.OpText, "\xf4\x90", 1000))
	f(begun(ws.OpText, "\xed\xa0", 70))
	f(join(piece(ws.OpText, false, "\xe2\x82"), begun(ws.OpContinuation, "\x28", 9)))
	f(join(piece(ws.OpText, false, "\xe2"), piece(ws.OpContinuation, false, "\x28")))
}

// TestManyFragments: 4 MiB in fragments of 64 bytes is a legal message.
func TestManyFragments(t *testing.T) {
	r := start(t, Config{Workers: 1, MessageBytes: 4 << 20})
	got := make(chan int, 1)
	c := connect(t, r, newPeer(func(_ *Conn, p []byte, _ bool) { got <- len(p) }))
	var b bytes.Buffer
	part := strings.Repeat("*", 64)
	b.Write(piece(ws.OpText, false, part))
	for range 1<<16 - 2 {
		b.Write(piece(ws.OpContinuation, false, part))
	}
	b.Write(piece(ws.OpContinuation, true, part))
	send(t, c, b.Bytes())
	if n := within(t, "the message", got); n != 4<<20 {
		t.Errorf("got %d bytes", n)
	}
}
