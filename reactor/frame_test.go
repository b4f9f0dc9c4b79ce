package reactor

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func TestFrame(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, 70000} {
		p := strings.Repeat("x", n)
		for binary, op := range map[bool]ws.OpCode{false: ws.OpText, true: ws.OpBinary} {
			if f := NewFrame([]byte(p), binary); !bytes.Equal(f.encoded, answer(op, p)) || f.Len() != len(answer(op, p)) {
				t.Errorf("%d bytes, binary %v: %x...", n, binary, f.encoded[:2])
			}
		}
	}
}

// TestFrameOwnership: a frame is a copy, so that it stays what it was made.
func TestFrameOwnership(t *testing.T) {
	p := []byte("before")
	f := NewFrame(p, false)
	copy(p, "after!")
	if !bytes.Equal(f.encoded, answer(ws.OpText, "before")) {
		t.Errorf("the frame changed with its payload: %q", f.encoded)
	}
}

func TestBuildFrame(t *testing.T) {
	f := func(hint int, parts ...string) {
		t.Helper()
		frame := BuildFrame(false, hint, func(dst []byte) []byte {
			for _, p := range parts {
				dst = append(dst, p...)
			}
			return dst
		})
		if want := answer(ws.OpText, strings.Join(parts, "")); !bytes.Equal(frame.encoded, want) {
			t.Errorf("got %x, want %x", frame.encoded, want)
		}
	}
	f(0)
	f(0, "more", "than", "promised")
	f(100, "less")
	f(1, strings.Repeat("x", 200))

	long := bytes.Repeat([]byte("x"), 500)
	if n := testing.AllocsPerRun(100, func() {
		sink = BuildFrame(false, 500, func(dst []byte) []byte { return append(dst, long...) })
	}); n != 1 {
		t.Errorf("%v allocations a frame, want 1", n)
	}
}

var sink Frame

// TestCloseFrame: a text that is too long is cut where no rune is.
func TestCloseFrame(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := closeFrame(1000, in).encoded; !bytes.Equal(got, answerClose(1000, want)) {
			t.Errorf("got %q, want text %q", got, want)
		}
	}
	f("", "")
	f("bye", "bye")
	f(strings.Repeat("x", 123), strings.Repeat("x", 123))
	f(strings.Repeat("x", 124), strings.Repeat("x", 123))
	f(strings.Repeat("x", 122)+"κ", strings.Repeat("x", 122))
	f(strings.Repeat("x", 121)+"κx", strings.Repeat("x", 121)+"κ")
	f(strings.Repeat("x", 120)+"😀", strings.Repeat("x", 120))
}
