package reactor

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

var (
	small = &Config{MessageBytes: 300, Fragments: 4}
	large = &Config{MessageBytes: math.MaxInt, Fragments: math.MaxInt}
)

// transcript reads all the pieces and returns what was said, one line an event, up to the
// close frame or the fault that ends it. The end of a stream that broke off is not an
// event.
func transcript(r reader, limit *Config, pieces ...[]byte) string {
	var b strings.Builder
	for _, p := range pieces {
		p = bytes.Clone(p)
		for len(p) > 0 {
			e, rest, bad := r.next(p, limit)
			if bad == nil && e.op == ws.OpClose {
				bad = checkClose(e.payload)
			}
			if bad != nil {
				fmt.Fprintf(&b, "fault %d\n", bad.code)
				return b.String()
			}
			if e.op != ws.OpContinuation {
				fmt.Fprintf(&b, "%d %v %q\n", e.op, e.deflated, e.payload)
			}
			if e.op == ws.OpClose {
				return b.String()
			}
			p = rest
		}
	}
	return b.String()
}

// errClosed ends the library's reading: a close frame, or one that is none, has come.
var errClosed = errors.New("closed")

// gobwas is the transcript that the library's own reader makes of the same bytes.
func gobwas(in []byte) string {
	var b strings.Builder
	said := func(op ws.OpCode, payload []byte) error {
		fmt.Fprintf(&b, "%d false %q\n", op, payload)
		if op == ws.OpClose {
			return errClosed
		}
		return nil
	}
	control := func(h ws.Header, payload io.Reader) error {
		all, err := io.ReadAll(payload)
		if err != nil || len(all) < int(h.Length) {
			return io.ErrUnexpectedEOF
		}
		if bad := libraryCloseFault(h, all); bad != 0 {
			fmt.Fprintf(&b, "fault %d\n", bad)
			return errClosed
		}
		return said(h.OpCode, all)
	}
	r := wsutil.Reader{Source: bytes.NewReader(in), State: ws.StateServerSide, CheckUTF8: true, OnIntermediate: control}
	for {
		h, err := r.NextFrame()
		var payload []byte
		switch {
		case err == nil && h.OpCode.IsControl():
			if err = control(h, &r); err == nil {
				continue
			}
		case err == nil:
			if payload, err = io.ReadAll(&r); err == nil {
				err = said(h.OpCode, payload)
			}
		}
		var broken ws.ProtocolError
		switch {
		case err == nil:
		case errors.Is(err, wsutil.ErrInvalidUTF8):
			return b.String() + "fault 1007\n"
		case errors.As(err, &broken), errors.Is(err, ws.ErrHeaderLengthMSB):
			return b.String() + "fault 1002\n"
		default: // the input's end, or a close frame
			return b.String()
		}
	}
}

// libraryCloseFault is the code with which the library refuses a close frame; 0 if it
// does not. Codes are the registry's and ours, since the library's list is an old one.
func libraryCloseFault(h ws.Header, payload []byte) ws.StatusCode {
	if h.OpCode != ws.OpClose || len(payload) == 0 {
		return 0
	}
	code, text := ws.ParseCloseFrameData(payload)
	err := ws.CheckCloseFrameData(code, text)
	switch {
	case len(payload) > 1 && code >= 1012 && code <= 1014 && utf8.ValidString(text):
		return 0
	case len(payload) > 1 && code >= 1012 && code <= 1014, errors.Is(err, ws.ErrProtocolInvalidUTF8) && code < 5000:
		return ws.StatusInvalidFramePayloadData
	case err != nil, len(payload) == 1, code >= 5000:
		return ws.StatusProtocolError
	}
	return 0
}

// FuzzReader: the same bytes, cut anywhere, say the same, and what they say is what the
// library's own reader hears: messages, control frames, and the code of the close. Fuzzed
// input is taken as it is and, masked into frames, as messages.
func FuzzReader(f *testing.F) {
	seeds := [][]byte{
		frame(ws.OpText, "hello"),
		frame(ws.OpBinary, strings.Repeat("x", 200)),
		join(piece(ws.OpText, false, "κ"), frame(ws.OpPing, "p"), piece(ws.OpContinuation, true, "ό")),
		join(piece(ws.OpText, false, "\xce"), piece(ws.OpContinuation, true, "\xba")),
		join(piece(ws.OpText, false, "\xce"), piece(ws.OpContinuation, true, "x")),
		join(piece(ws.OpText, false, "\xce"), frame(ws.OpPing, ""), piece(ws.OpContinuation, true, "")),
		join(frame(ws.OpText, ""), bye(1000, "x"), frame(ws.OpText, "y")),
		bye(1012, "\xff"), bye(5000, ""), bye(1006, ""), frame(ws.OpClose, "x"),
		join(piece(ws.OpText, false, "x"), bye(1000, ""), piece(ws.OpContinuation, true, "x")),
		frame(ws.OpBinary, strings.Repeat("x", 301)),
		[]byte("\x82\xff\xff\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00x"),
		answer(ws.OpText, "unmasked"),
		join(rsv(piece(ws.OpText, false, "\xff")), frame(ws.OpPing, ""), piece(ws.OpContinuation, true, "\xff")),
	}
	for i, s := range seeds {
		f.Add(s, uint16(1+i), uint16(3+2*i))
	}
	f.Fuzz(func(t *testing.T, in []byte, first, second uint16) {
		if len(in) > 4096 {
			return
		}
		a := int(first) % (len(in) + 1)
		b := a + int(second)%(len(in)-a+1)
		framed := join(piece(ws.OpText, false, string(in[:a])), frame(ws.OpPing, "p"),
			piece(ws.OpContinuation, false, string(in[a:b])), piece(ws.OpContinuation, true, string(in[b:])))
		for _, in := range [][]byte{in, frame(ws.OpText, string(in)), framed, join(piece(ws.OpText, false, string(in)), in), frame(ws.OpClose, string(in[:min(len(in), 125)]))} {
			a, b := min(a, len(in)), min(b, len(in))
			for _, deflates := range []bool{false, true} {
				sameCut(t, reader{deflates: deflates}, large, in, a, b)
				sameCut(t, reader{deflates: deflates}, small, in, a, b)
			}
			if got, want := transcript(reader{}, large, in), gobwas(in); got != want {
				t.Errorf("%x is read as\n%sand the library reads\n%s", in, got, want)
			}
		}
	})
}

// sameCut checks that it makes no difference how bytes come.
func sameCut(t *testing.T, r reader, limit *Config, in []byte, a, b int) {
	t.Helper()
	whole := transcript(r, limit, in)
	if cut := transcript(r, limit, in[:a], in[a:b], in[b:]); cut != whole {
		t.Errorf("%x cut at %d and %d: %q, whole: %q", in, a, b, cut, whole)
	}
	if cut := transcript(r, limit, slices.Collect(slices.Chunk(in, 1))...); cut != whole {
		t.Errorf("%x octet by octet: %q, whole: %q", in, cut, whole)
	}
}

// FuzzInflate: a message inflates to what compress/flate makes of it, if that is not over
// the bound and, being text, UTF-8; nothing is left of the message before; and what we
// deflate comes back.
func FuzzInflate(f *testing.F) {
	for _, s := range []string{"\xf2\x48\xcd\xc9\xc9\x07\x00", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
		"", "\x00", "\x02\x13\x00", "\xff\xff\xff", zlibs, squeeze(strings.Repeat("x", 5000)), squeeze("\xce"),
		"\x01\x00\x00\xff\xff", "\x01\x00\x00\xff\xff\xf2\x48\xcd\xc9\xc9\x07\x00"} {
		f.Add([]byte(s), uint16(300), true)
		f.Add([]byte(s), uint16(3), false)
	}
	var kept inflater // of a worker that has seen all the messages before
	f.Fuzz(func(t *testing.T, in []byte, limit uint16, text bool) {
		before := bytes.Clone(in)
		got, bad := kept.message(in, text, int(limit))
		if !bytes.Equal(in, before) {
			t.Fatal("the input was changed")
		}
		want, err := io.ReadAll(io.LimitReader(flate.NewReader(io.MultiReader(bytes.NewReader(in), bytes.NewReader(deflateTail))), int64(limit)+1))
		switch {
		case len(in) == 0:
			want, err = nil, nil
			fallthrough
		case err == nil && len(want) <= int(limit) && (!text || utf8.Valid(want)):
			if bad != nil || !bytes.Equal(got, want) {
				t.Errorf("%x: %q, %v, and it is %q", in, got, bad, want)
			}
		case bad == nil:
			t.Errorf("%x is taken as %q, and compress/flate has %q, %v, the bound is %d", in, got, want, err, limit)
		case len(want) > int(limit) != (bad == faultTooBig):
			t.Errorf("%x: %v, with %d bytes of %d", in, bad, len(want), limit)
		}
		if c := cap(kept.out); c > max(keptInflated, 2*(int(limit)+1)+1024) {
			t.Errorf("%d bytes are kept", c)
		}
		plain := NewFrame(in, !text)
		small := plain.Deflated()
		if h, size, _ := decodeHeader(small.encoded); h.Rsv == rsv1 {
			if back, bad := kept.message(small.encoded[size:], false, len(in)); bad != nil || !bytes.Equal(back, in) {
				t.Errorf("%x comes back as %x, %v", in, back, bad)
			}
		}
	})
}
