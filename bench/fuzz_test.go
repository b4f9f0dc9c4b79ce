package main

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gobwas/ws"
)

// FuzzFrames: no bytes of a server make the receive path panic, what is left of them is
// their end, and how they are cut makes no difference to what is counted.
func FuzzFrames(f *testing.F) {
	f.Add(frames("hello", string(appendPayload(nil, Payload{}, 64))), 3)
	f.Add(frames(`{"type":"ack","ackId":3,"success":true}`, `{"type":"ack","ackId":4,"success":false}`), 50)
	f.Add(ws.MustCompileFrame(ws.NewCloseFrame(nil)), 1)
	f.Add(ws.MustCompileFrame(ws.NewFrame(ws.OpText, false, []byte("x"))), 1)
	f.Add([]byte{0x81, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 4)
	f.Fuzz(func(t *testing.T, b []byte, at int) {
		if len(b) > 4096 {
			return
		}
		for _, c := range b {
			if ws.OpCode(c&15) == ws.OpPing {
				return // would be answered, and there is no socket here
			}
		}
		l, c := testLoop()
		rest, err := l.frames(c, b)
		if err == nil && !bytes.HasSuffix(b, rest) {
			t.Errorf("%x is left of %x", rest, b)
		}
		second, d := testLoop()
		first := max(at, 0) % (len(b) + 1)
		left, cutErr := second.frames(d, b[:first])
		if cutErr == nil {
			left, cutErr = second.frames(d, append(bytes.Clone(left), b[first:]...))
		}
		if !bytes.Equal(left, rest) || fmt.Sprint(err) != fmt.Sprint(cutErr) || l.tally != second.tally || l.window.Faults != second.window.Faults {
			t.Errorf("%x cut at %d: %x, %v, %+v, %+v; whole: %x, %v, %+v, %+v", b, first, left, cutErr, second.tally, second.window.Faults, rest, err, l.tally, l.window.Faults)
		}
	})
}
