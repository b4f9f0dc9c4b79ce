package reactor

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
)

// long is a text that is put aside, and one that compresses badly so that much of it comes.
func long(size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = 'a' + byte(rand.IntN(20))
	}
	return string(b)
}

// deflating adopts a connection that agreed on compression.
func deflating(t *testing.T, r *Reactor, h *peer) net.Conn {
	t.Helper()
	server, c := pair(t)
	if err := r.Adopt(server, nil, h, true); err != nil {
		t.Fatal(err)
	}
	within(t, "Open", h.conn)
	return c
}

// TestAsideOrder: what comes behind a long message is handled behind it, whatever of it comes
// at once, and however much.
func TestAsideOrder(t *testing.T) {
	r := start(t, Config{Workers: 1, MessageBytes: 1 << 20})
	text := strings.Repeat("x", 1<<20)
	for name, behind := range map[string]int{"a little": 3, "more than is held": 2 * maxHeld / 1000} {
		t.Run(name, func(t *testing.T) {
			h := newPeer(func(c *Conn, payload []byte, binary bool) {
				if len(payload) == len(text) {
					payload = payload[:10] // the answers are to fit the budget
				}
				echo(c, payload[:min(len(payload), 10)], binary)
			})
			c := deflating(t, r, h)
			in := [][]byte{frame(ws.OpText, "before"), rsv(frame(ws.OpText, squeeze(text)))}
			want := [][]byte{answer(ws.OpText, "before"), answer(ws.OpText, text[:10])}
			for range behind {
				in = append(in, frame(ws.OpText, strings.Repeat("y", 1000)))
				want = append(want, answer(ws.OpText, "yyyyyyyyyy"))
			}
			in = append(in, rsv(frame(ws.OpText, squeeze(text))), frame(ws.OpPing, "p"), bye(1000, ""))
			want = append(want, answer(ws.OpText, text[:10]), answer(ws.OpPong, "p"), answerClose(1000, ""))
			converse(t, c, h, join(in...), join(want...))
		})
	}
	wereAside(t, r, 4)
}

// converse sends all that a client says until its close frame, reads all that the server does,
// and waits for the end.
func converse(t *testing.T, c net.Conn, h *peer, in, want []byte) {
	t.Helper()
	go func() { _, _ = c.Write(in) }() // what is missing shows
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes (%v), %q; want %d, %q", len(got), err, clip(got), len(want), clip(want))
	}
	c.Close()
	if why := within(t, "Closed", h.closed); why != ClientClosed {
		t.Errorf("reason %s", why)
	}
}

// wereAside checks how many messages were beside the loop of the only worker, and that none is.
func wereAside(t *testing.T, r *Reactor, want int) {
	t.Helper()
	eventually(t, "none is aside", func() bool { return r.workers[0].aside.Load() == 0 })
	if n := number(r.config.Metrics, `tidegate_aside_total{worker="0"}`); n != want {
		t.Errorf("%d were aside, want %d", n, want)
	}
}

// TestAsideGone: long messages are handled although the client hangs up at once, and before
// the handler is told that it has.
func TestAsideGone(t *testing.T) {
	r := start(t, Config{Workers: 1, MessageBytes: 1 << 20})
	text := long(1 << 18)
	deflated := rsv(frame(ws.OpText, squeeze(text)))
	for range 5 {
		got := make(chan int, 3)
		h := newPeer(func(_ *Conn, payload []byte, _ bool) { got <- len(payload) })
		c := deflating(t, r, h)
		send(t, c, join(deflated, deflated, frame(ws.OpText, "then")))
		c.Close()
		within(t, "Closed", h.closed)
		if len(got) != 3 || <-got != len(text) || <-got != len(text) || <-got != 4 {
			t.Fatal("a message was not handled")
		}
	}
}

// TestAsideMany: more at once than may be aside, from some connections, while others are
// closed by the server: all that came before the close frame is handled.
func TestAsideMany(t *testing.T) {
	r := start(t, Config{Workers: 1, MessageBytes: 1 << 20})
	const rounds = 3
	in := rsv(frame(ws.OpText, squeeze(strings.Repeat("x", 1<<18))))
	var all sync.WaitGroup
	for i := range 4 * maxAside {
		h := newPeer(func(c *Conn, payload []byte, binary bool) { echo(c, payload[:1], binary) })
		server, c := pair(t)
		if err := r.Adopt(server, nil, h, true); err != nil {
			t.Fatal(err)
		}
		conn := within(t, "Open", h.conn)
		all.Go(func() {
			defer c.Close()
			_, err := c.Write(bytes.Repeat(in, rounds))
			got := make([]byte, rounds*len(answer(ws.OpText, "x")))
			if _, bad := io.ReadFull(c, got); err != nil || bad != nil || !bytes.Equal(got, bytes.Repeat(answer(ws.OpText, "x"), rounds)) {
				t.Errorf("got %q, %v, %v", clip(got), err, bad)
			}
			if i%2 == 0 {
				return
			}
			_, err = c.Write(in)
			_ = conn.Worker().Post(func(*Worker) { conn.Close(1001, "", Shutdown) })
			// Whether that came before the close is the kernel's business.
			_, bad := c.Write(bye(1001, ""))
			if got, gone := io.ReadAll(c); err != nil || bad != nil || gone != nil || !bytes.HasSuffix(got, answerClose(1001, "")) {
				t.Errorf("got %q, %v, %v, %v", clip(got), err, bad, gone)
			}
		})
	}
	all.Wait()
	eventually(t, "none is aside", func() bool { return r.workers[0].aside.Load() == 0 })
}

// TestAsideBroken: what is wrong with a long message is found beside the loop, too, and ends
// the connection with the same code.
func TestAsideBroken(t *testing.T) {
	r := start(t, Config{Workers: 1, MessageBytes: 1 << 20})
	half := squeeze(strings.Repeat("x", 1<<19))
	for name, f := range map[string]struct {
		op       ws.OpCode
		deflated string
		want     *fault
	}{
		"too big":  {ws.OpBinary, squeeze(strings.Repeat("x", 1<<20+1)), faultTooBig},
		"a bomb":   {ws.OpBinary, squeeze(strings.Repeat("x", 1<<24)), faultTooBig},
		"bad text": {ws.OpText, squeeze(strings.Repeat("x", 1<<19) + "\xff"), faultUTF8},
		"bad data": {ws.OpText, half[:len(half)-1] + "\xff\xff\xff\xff", faultDeflate},
	} {
		h := newPeer(echo)
		c := deflating(t, r, h)
		send(t, c, join(rsv(frame(f.op, f.deflated)), frame(ws.OpText, "then")))
		got, err := io.ReadAll(c)
		if want := answerClose(f.want.code, f.want.text); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %q (%v), want %q", name, clip(got), err, clip(want))
		}
		c.Close()
		if why := within(t, "Closed", h.closed); why != f.want.why {
			t.Errorf("%s: reason %s, want %s", name, why, f.want.why)
		}
	}
}
