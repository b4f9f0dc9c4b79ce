package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/gobwas/ws"
)

// Every header that the library writes is read, and not before it is whole.
func TestFrameHeader(t *testing.T) {
	f := func(op ws.OpCode, fin bool, length int64) {
		t.Helper()
		want := ws.Header{Fin: fin, OpCode: op, Length: length}
		var b bytes.Buffer
		if err := ws.WriteHeader(&b, want); err != nil {
			t.Fatal(err)
		}
		for n := range b.Len() {
			if _, size, err := frameHeader(b.Bytes()[:n]); size != 0 || err != nil {
				t.Errorf("length %d: %d of %d bytes read as a header of %d, %v", length, n, b.Len(), size, err)
			}
		}
		h, size, err := frameHeader(b.Bytes())
		if h != want || size != b.Len() || err != nil {
			t.Errorf("%+v of %d, %v; want %+v of %d", h, size, err, want, b.Len())
		}
	}
	f(ws.OpText, true, 0)
	f(ws.OpText, false, 125)
	f(ws.OpContinuation, true, 126)
	f(ws.OpBinary, true, 65535)
	f(ws.OpBinary, true, 65536)
	f(ws.OpText, true, 1<<40)
	f(ws.OpPing, true, 5)
}

func TestFrameHeaderRefuses(t *testing.T) {
	f := func(b []byte, want error) {
		t.Helper()
		if _, _, err := frameHeader(b); !errors.Is(err, want) {
			t.Errorf("%x: %v, want %v", b, err, want)
		}
	}
	f([]byte{0x81, 0x85}, errMasked)
	f([]byte{0xc1, 0x05}, ws.ErrProtocolNonZeroRsv)
	f([]byte{0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, ws.ErrHeaderLengthMSB)
}

// What a client writes is what the library reads.
func TestAppendFrame(t *testing.T) {
	f := func(size int) {
		t.Helper()
		payload := bytes.Repeat([]byte("abcdefg"), size/7+1)[:size]
		b := appendFrame([]byte("before"), ws.OpText, payload)
		got, err := readFrame(bytes.NewReader(b[len("before"):]))
		if err != nil || !got.Header.Masked || !got.Header.Fin || got.Header.OpCode != ws.OpText {
			t.Fatalf("%d bytes: %+v, %v", size, got.Header, err)
		}
		if got = ws.UnmaskFrame(got); !bytes.Equal(got.Payload, payload) {
			t.Errorf("%d bytes: the payload is another", size)
		}
	}
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 100_000} {
		f(size)
	}
}

func TestCloseReason(t *testing.T) {
	f := func(payload []byte, want string) {
		t.Helper()
		if got := closeReason(payload); got != want {
			t.Errorf("%q: %q, want %q", payload, got, want)
		}
	}
	f(nil, "the server closed it without a code")
	f(ws.NewCloseFrameBody(1012, ""), "the server closed it with 1012")
	f(ws.NewCloseFrameBody(1008, "slow"), "the server closed it with 1008 (slow)")
}
