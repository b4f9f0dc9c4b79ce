package reactor

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// TestBuilder: what is built together is the frames one behind the other, whatever the
// length of their headers, and does not change when the builder is used again.
func TestBuilder(t *testing.T) {
	var b Builder
	f := func(sizes ...int) {
		t.Helper()
		var want []byte
		for i, n := range sizes {
			p := bytes.Repeat([]byte{byte('a' + i)}, n)
			op := ws.OpText
			if i%2 == 1 {
				op = ws.OpBinary
			}
			want = append(want, answer(op, string(p))...)
			if i%3 == 2 {
				b.Append(NewFrame(p, op == ws.OpBinary))
			} else {
				b.Add(op == ws.OpBinary, func(dst []byte) []byte { return append(dst, p...) })
			}
		}
		got := b.Frame()
		b.Add(false, func(dst []byte) []byte { return append(dst, "again"...) })
		b.Frame()
		if !bytes.Equal(got.encoded, want) || int(got.more)+1 != len(sizes) {
			t.Errorf("%d: %d bytes of %d frames, want %d", sizes, got.Len(), got.more+1, len(want))
		}
		if d := got.Deflated(); len(sizes) > 1 && !bytes.Equal(d.encoded, want) {
			t.Errorf("%d: several frames were compressed as one", sizes)
		}
	}
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 70000} {
		f(n)
		f(n, 200, n, n)
		f(200, n, 0, n, 200)
	}
	if cap(b.encoded) > chunk {
		t.Errorf("it keeps room for %d bytes", cap(b.encoded))
	}
}

// TestBuilderSent: several frames that go out together count as that many.
func TestBuilderSent(t *testing.T) {
	r := start(t, Config{Workers: 1})
	p := newPeer(nil)
	client := connect(t, r, p)
	c := within(t, "Open", p.conn)
	w := r.Workers()[0]
	on(t, w, func(*Worker) {
		var b Builder
		for range 3 {
			b.Add(false, func(dst []byte) []byte { return append(dst, "now"...) })
		}
		c.Send(b.Frame())
	})
	expect(t, client, bytes.Repeat([]byte("\x81\x03now"), 3))
	on(t, w, func(w *Worker) {
		if got := w.counts.sentFrames.Get(); got != 3 {
			t.Errorf("%d frames were counted, want 3", got)
		}
	})
}

// TestBuilderBudget: building costs the one frame.
func TestBuilderBudget(t *testing.T) {
	var b Builder
	payload := bytes.Repeat([]byte("x"), 170)
	got := testing.AllocsPerRun(100, func() {
		for range 8 {
			b.Add(false, func(dst []byte) []byte { return append(dst, payload...) })
		}
		b.Frame()
	})
	if got > 1 {
		t.Errorf("%v allocations, want 1", got)
	}
}

// TestBuilderCut: pieces that were cut stay what they were, whatever is added later, and
// cost no allocation each.
func TestBuilderCut(t *testing.T) {
	var b Builder
	payload := func(i int) string { return fmt.Sprint(i, strings.Repeat("x", i%300)) }
	const pieces = 2000
	frames := make([]Frame, pieces)
	for i := range frames {
		for range 1 + i%3 {
			b.Add(false, func(dst []byte) []byte { return append(dst, payload(i)...) })
		}
		frames[i] = b.Cut()
	}
	for i, f := range frames {
		one := NewFrame([]byte(payload(i)), false)
		want := bytes.Repeat(one.encoded, 1+i%3)
		if !bytes.Equal(f.encoded, want) || int(f.more) != i%3 {
			t.Fatalf("piece %d has changed, or has %d frames more", i, f.more)
		}
		_ = append(f.encoded, 'y') // must not reach into the next piece
	}
	if !bytes.Equal(frames[1].encoded[:2], NewFrame([]byte(payload(1)), false).encoded[:2]) {
		t.Error("a piece reaches into the next")
	}
	small := []byte("hello")
	if got := testing.AllocsPerRun(1000, func() {
		b.Add(false, func(dst []byte) []byte { return append(dst, small...) })
		_ = b.Cut()
	}); got > 0 {
		t.Errorf("a piece took %v allocations", got)
	}
}
