package offender

import (
	"bytes"
	"compress/flate"
	"sync"

	"github.com/gobwas/ws"

	"github.com/tidegate/tidegate/gateway/wire"
)

// bombSize is what a bomb inflates to, sixteen times what a message may have.
const bombSize = 16 << 20

// bomb is a small frame that inflates to a large message (RFC 7692).
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)  // the level is one
	_, _ = w.Write(bytes.Repeat([]byte(" "), bombSize)) // a Buffer takes everything
	_ = w.Flush()
	return appendFrame(nil, fin|rsv1|byte(ws.OpText), bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff")))
})

// bombs sends one.
func bombs(v *Visit) string {
	if got := v.enter(hubPath, wire.Protocol, "Sec-WebSocket-Extensions: permessage-deflate\r\n"); got != "" {
		return got
	}
	return v.says(bomb())
}

// huge announces a message of 2^62 bytes.
func huge(v *Visit) string {
	if got := v.member(); got != "" {
		return got
	}
	return v.says(append(appendHead(nil, fin|byte(ws.OpText), 1<<62), "{"...))
}

// nonsense breaks the protocol with its first frame, each time in another way.
func nonsense(v *Visit) string {
	if got := v.member(); got != "" {
		return got
	}
	return v.says(broken[v.turn%len(broken)])
}

// broken are frames that RFC 6455 does not allow: text that is not UTF-8 (8.1), a frame
// without a mask (5.1), a reserved opcode and a reserved bit (5.2).
var broken = [][]byte{
	appendFrame(nil, fin|byte(ws.OpText), []byte("{\"type\":\"ping\xff\"}")),
	{fin | byte(ws.OpText), 2, '{', '}'},
	appendFrame(nil, fin|3, nil),
	appendFrame(nil, fin|0x20|byte(ws.OpText), []byte("{}")),
}

// says sends a frame and reads until the connection ends.
func (v *Visit) says(frame []byte) string {
	if err := v.write(frame, 1); err != nil {
		return v.ending(err)
	}
	return v.closing()
}
