package reactor

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"testing"

	"github.com/gobwas/ws"
)

// preparing is a peer that answers with checksums.
func preparing(prepare func(payload []byte) any) *peer {
	h := newPeer(sum)
	h.prepare = prepare
	return h
}

// checksum is what is made of a payload beforehand.
func checksum(payload []byte) any { return crc32.ChecksumIEEE(payload) }

// sum answers a message with its checksum and the one that was prepared.
func sum(c *Conn, payload []byte, _ bool) {
	c.Send(NewFrame(fmt.Appendf(nil, "%v %v", checksum(payload), c.Prepared()), false))
}

// TestPrepare: long texts are prepared, and neither what is short or binary nor what comes
// behind them; each message is handled in its turn.
func TestPrepare(t *testing.T) {
	r := start(t, Config{Workers: 1, MessageBytes: 1 << 20})
	h := preparing(checksum)
	c := connect(t, r, h)
	var in, want [][]byte
	say := func(op ws.OpCode, size int, prepared bool, pieces ...int) {
		text := long(size)
		at := 0
		for i, n := range pieces {
			in = append(in, piece([]ws.OpCode{op, ws.OpContinuation}[min(i, 1)], false, text[at:at+n]))
			at += n
		}
		in = append(in, piece([]ws.OpCode{op, ws.OpContinuation}[min(len(pieces), 1)], true, text[at:]))
		made := any(nil)
		if prepared {
			made = checksum([]byte(text))
		}
		want = append(want, answer(ws.OpText, fmt.Sprintf("%v %v", checksum([]byte(text)), made)))
	}
	say(ws.OpText, 10, false)
	say(ws.OpText, 1<<20, true)
	say(ws.OpText, 20, false)
	say(ws.OpBinary, 1<<20, false)
	say(ws.OpText, quickMessage, false)
	say(ws.OpText, quickMessage+1, true)
	say(ws.OpText, quickMessage+1, true)
	say(ws.OpText, 800_000, true, 1, 100_000, 5, 400_000)
	in = append(in, frame(ws.OpPing, "p"))
	want = append(want, answer(ws.OpPong, "p"))
	say(ws.OpText, 0, false)
	in, want = append(in, bye(1000, "")), append(want, answerClose(1000, ""))
	converse(t, c, h, join(in...), join(want...))
	wereAside(t, r, 4)
}

// TestPrepareInflated: what is inflated beside the loop is prepared there, too.
func TestPrepareInflated(t *testing.T) {
	r := start(t, Config{Workers: 1, MessageBytes: 1 << 20})
	h := preparing(checksum)
	server, c := pair(t)
	if err := r.Adopt(server, nil, h, true); err != nil {
		t.Fatal(err)
	}
	text := long(100_000)
	send(t, c, rsv(frame(ws.OpText, squeeze(text))))
	expect(t, c, answer(ws.OpText, fmt.Sprintf("%v %v", checksum([]byte(text)), checksum([]byte(text)))))
	send(t, c, rsv(frame(ws.OpText, squeeze(text[:100]))))
	expect(t, c, answer(ws.OpText, fmt.Sprintf("%v <nil>", checksum([]byte(text[:100])))))
	c.Close()
}

// TestPreparePanic: a panic beside the loop is the end of the connection alone.
func TestPreparePanic(t *testing.T) {
	r := start(t, Config{Workers: 1, MessageBytes: 1 << 20})
	h := preparing(func([]byte) any { panic("on purpose") })
	c := connect(t, r, h)
	send(t, c, join(frame(ws.OpText, long(1<<19)), frame(ws.OpText, "then")))
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, answerClose(1011, "internal error")) {
		t.Errorf("got %q (%v)", clip(got), err)
	}
	c.Close()
	if why := within(t, "Closed", h.closed); why != HandlerPanic {
		t.Errorf("reason %s", why)
	}
	other := connect(t, r, newPeer(echo))
	send(t, other, frame(ws.OpText, "a"))
	expect(t, other, answer(ws.OpText, "a"))
	other.Close()
}

// TestLongBuffers: the buffers of long messages are used again, and each message is what was
// sent, whatever others are sent at the same time.
func TestLongBuffers(t *testing.T) {
	r := start(t, Config{Workers: 2, MessageBytes: 6 << 20})
	letters := long(6 << 20)
	var all sync.WaitGroup
	for i := range 2 * maxAside {
		h := preparing(checksum)
		c := connect(t, r, h)
		all.Go(func() {
			for n := range 6 {
				size := 200_000 + (i*6+n)*97_000%3_000_000
				text := letters[i*100_000+n*10_000:][:size]
				half := len(text) / (2 + n%3)
				want := answer(ws.OpText, fmt.Sprintf("%v %v", checksum([]byte(text)), checksum([]byte(text))))
				go func() {
					_, _ = c.Write(join(piece(ws.OpText, false, text[:half]), piece(ws.OpContinuation, true, text[half:])))
				}()
				got := make([]byte, len(want))
				_, err := io.ReadFull(c, got[:2])
				got = got[:2+got[1]]
				if _, bad := io.ReadFull(c, got[2:]); err != nil || bad != nil || !bytes.HasPrefix(got[2:], fmt.Append(nil, checksum([]byte(text)), " ")) {
					t.Errorf("%d bytes: got %q (%v, %v), want %q", len(text), got, err, bad, want)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestLongBuffer: a buffer has room for what is asked for and not much more, and one that is
// given back is given away again.
func TestLongBuffer(t *testing.T) {
	for _, size := range []int{readBuffer + 1, 2 * readBuffer, 2*readBuffer + 1, 16 * readBuffer, 16*readBuffer + 1, 100 * readBuffer} {
		b := longBuffer(size)
		if len(b) != 0 || cap(b) < size || cap(b) > size+readBuffer {
			t.Errorf("for %d bytes %d of %d", size, len(b), cap(b))
		}
		kept := size <= 16*readBuffer
		again := false
		for range 100 { // the pool may lose some, on purpose under -race
			recycle(b[:1])
			next := longBuffer(cap(b))
			again = again || &next[:1][0] == &b[:1][0]
			b = next
		}
		if again != kept {
			t.Errorf("a buffer of %d bytes is used again: %t", cap(b), again)
		}
	}
	recycle(nil)
	recycle(make([]byte, 10))
}
