package main

import (
	"testing"

	"github.com/gobwas/ws"
)

// FuzzFrames: no bytes of a server make the receive path panic or read outside.
func FuzzFrames(f *testing.F) {
	f.Add(frames("hello", string(appendPayload(nil, Payload{}, 64))))
	f.Add(ws.MustCompileFrame(ws.NewCloseFrame(nil)))
	f.Add(ws.MustCompileFrame(ws.NewFrame(ws.OpText, false, []byte("x"))))
	f.Add([]byte{0x81, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
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
		if err == nil && len(rest) > len(b) {
			t.Errorf("%d bytes left of %d", len(rest), len(b))
		}
	})
}
