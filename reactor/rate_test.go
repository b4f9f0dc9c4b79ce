package reactor

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/gobwas/ws"
)

// TestIntake: a second's worth may come at once, time gives it back, what is refused
// counts too, and each rate is by itself.
func TestIntake(t *testing.T) {
	const s = int64(time.Second)
	p := pricesOf(&Config{MessageRate: 10, ByteRate: 1000})
	var k intake
	f := func(now int64, messages, bytes int, want Rate, over bool) {
		t.Helper()
		k.add(&p, now, messages, bytes)
		if got := k.exceeds(now, burst); got != want {
			t.Errorf("at %s after %d messages and %d bytes more: exceeds %d, want %d", time.Duration(now), messages, bytes, got, want)
		}
		if got := k.exceeds(now, burst+surfeit) != NoRate; got != over {
			t.Errorf("at %s after %d messages and %d bytes more: goes on is %t", time.Duration(now), messages, bytes, got)
		}
	}
	f(100*s, 10, 0, NoRate, false) // however long it was silent, it is one second's worth
	f(100*s, 1, 0, MessageRate, false)
	f(100*s+s/10, 0, 0, NoRate, false)
	f(101*s, 9, 0, NoRate, false)
	f(101*s, 10, 0, MessageRate, false)
	f(102*s, 10, 0, MessageRate, false) // at the rate, but it does not get back in like that
	f(102*s, 20, 0, MessageRate, false)
	f(102*s, 1, 0, MessageRate, true)
	f(110*s, 1, 1000, NoRate, false)
	f(110*s, 1, 64, ByteRate, false)
	f(110*s, 1, 3000-64, ByteRate, false)
	f(110*s, 1, 64, ByteRate, true)

	p, k = pricesOf(&Config{}), intake{}
	f(s, 1<<30, 1<<40, NoRate, false)
	p, k = pricesOf(&Config{MessageRate: 10_000_000, ByteRate: 1 << 30}), intake{}
	f(s, 10_000_000, 1<<30, NoRate, false)
	f(s, 1, 0, MessageRate, false)
	p, k = pricesOf(&Config{ByteRate: 64 << 20}), intake{}
	f(s, 1, 64<<20, NoRate, false) // the largest message
}

// flood sends frames in one piece, so that they come in one read. It returns what the
// handler was told of each message, and what the client got up to the end of want.
func flood(t *testing.T, config Config, deflate bool, frames []byte, want ...[]byte) (told []Rate) {
	t.Helper()
	config.Workers = 1
	r := start(t, config)
	h := newPeer(func(c *Conn, _ []byte, _ bool) { told = append(told, c.Exceeded()) })
	server, client := pair(t)
	defer client.Close()
	if err := r.Adopt(server, nil, h, deflate); err != nil {
		t.Fatal(err)
	}
	c := within(t, "Open", h.conn)
	send(t, client, frames)
	eventually(t, "all was read", func() (done bool) {
		on(t, c.Worker(), func(w *Worker) { done = w.counts.receivedBytes.Get() == uint64(len(frames)) })
		return done
	})
	expect(t, client, join(want...))
	if len(want) > 0 {
		client.Close()
		if why := within(t, "Closed", h.closed); why != RateLimit {
			t.Errorf("closed with %s, want %s", why, RateLimit)
		}
	}
	return told
}

// brought checks that so many messages were brought as within the rates, and then so many
// as beyond one.
func brought(t *testing.T, told []Rate, fine, beyond int, why Rate) {
	t.Helper()
	want := slices.Concat(slices.Repeat([]Rate{NoRate}, fine), slices.Repeat([]Rate{why}, beyond))
	if !slices.Equal(told, want) {
		t.Errorf("the messages are said to exceed %d, want %d", told, want)
	}
}

// times is a frame so often.
func times(n int, f []byte) []byte { return bytes.Repeat(f, n) }

// TestMessageRate: a second's worth is taken, three more are brought to be refused, and
// who goes on is closed. Pings are answered as far as they are within the rate.
func TestMessageRate(t *testing.T) {
	config, hello, p := Config{MessageRate: 5}, frame(ws.OpText, "hello"), frame(ws.OpPing, "p")
	bye := answerClose(1008, faultMessageRate.text)
	brought(t, flood(t, config, false, times(20, hello)), 5, 15, MessageRate)
	brought(t, flood(t, config, false, times(50, hello), bye), 5, 15, MessageRate)
	controls := join(times(3, p), times(2, frame(ws.OpPong, "p")), times(2, p), hello, times(20, p))
	brought(t, flood(t, config, false, controls, times(3, answer(ws.OpPong, "p")), bye), 0, 1, MessageRate)
}

// TestFragmentRate: a message counts once, whatever its number of fragments; these count
// as bytes when they come, each as 64 at least.
func TestFragmentRate(t *testing.T) {
	whole := join(piece(ws.OpBinary, false, "x"), times(8, piece(ws.OpContinuation, false, "x")), piece(ws.OpContinuation, true, "x"))
	brought(t, flood(t, Config{MessageRate: 1}, false, whole), 1, 0, NoRate)
	config := Config{ByteRate: 10 * leastFrame}
	brought(t, flood(t, config, false, join(whole, frame(ws.OpText, ""))), 1, 1, ByteRate)
	endless := join(piece(ws.OpBinary, false, "x"), times(100, piece(ws.OpContinuation, false, "x")))
	brought(t, flood(t, config, false, endless, answerClose(1008, faultByteRate.text)), 0, 0, NoRate)
}

// TestByteRate: a message of a second's worth is taken, and what one inflates to counts.
func TestByteRate(t *testing.T) {
	config, text := Config{ByteRate: 10_000}, strings.Repeat("x", 10_000)
	brought(t, flood(t, config, false, join(frame(ws.OpBinary, text), frame(ws.OpBinary, "x"))), 1, 1, ByteRate)
	bomb := rsv(frame(ws.OpBinary, squeeze(text)))
	brought(t, flood(t, config, true, times(3, bomb)), 1, 2, ByteRate)
	brought(t, flood(t, config, true, times(9, bomb), answerClose(1008, faultByteRate.text)), 1, 3, ByteRate)
}

// TestConnSize: what each message touches is one cache line, and the rest two and a
// quarter with it.
func TestConnSize(t *testing.T) {
	if at := unsafe.Offsetof(Conn{}.handler); at != 64 {
		t.Errorf("what each message touches are %d bytes, want 64", at)
	}
	if n := unsafe.Sizeof(Conn{}); n > 144 {
		t.Errorf("a connection has %d bytes, want 144 at most: docs/decisions.md has what an idle one costs", n)
	}
}
