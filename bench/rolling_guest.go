package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/gobwas/ws"
)

// rollingFrame is what of a server's frame a rolling client looks at beside payloads.
type rollingFrame struct {
	Type, Event      string
	AckID            uint64
	Success          bool
	Position         string
	Recovered        *bool
	ReconnectAfterMs int64
	Error            struct{ Name, Message string }

	ConnectionID, ReconnectionToken string
}

// farewell is how a connection ended.
type farewell struct {
	told  bool // system/disconnected came
	after time.Duration
	code  ws.StatusCode // 0: none
	err   error         // why, if there was no close frame
}

// clean reports whether the gateway said all that it should before it closed.
func (f farewell) clean() bool { return f.told && f.code == restartCode }

// take notes system/disconnected, and reports whether a frame is that.
func (f *farewell) take(b []byte) bool {
	var said rollingFrame
	if !bytes.Contains(b, []byte(`"disconnected"`)) || json.Unmarshal(b, &said) != nil || said.Event != "disconnected" {
		return false
	}
	f.told, f.after = true, time.Duration(said.ReconnectAfterMs)*time.Millisecond
	return true
}

// restartCode asks a client to connect again, to another node.
const restartCode ws.StatusCode = 1012

// rollingLine is a connection of a rolling client, for one goroutine that reads.
type rollingLine struct {
	net.Conn
	in  *bufio.Reader
	buf []byte
}

// newRollingLine is a line on a connection, of which a reader may have something already.
func newRollingLine(conn net.Conn, in *bufio.Reader) *rollingLine {
	if in == nil {
		in = bufio.NewReaderSize(conn, 1024)
	}
	return &rollingLine{Conn: conn, in: in}
}

// openRolling connects as client id, as often as it takes. Who is refused waits, and not
// for as long as the others. An error means that ctx has ended; refused is how often the
// server said no.
func openRolling(ctx context.Context, p Plan, id int, protocol, query string) (l *rollingLine, refused int, err error) {
	for ; ctx.Err() == nil; refused++ {
		dialing, cancel := context.WithTimeout(ctx, handshakeTimeout)
		d := ws.Dialer{NetDial: source(id).DialContext, Protocols: []string{protocol}}
		conn, in, _, err := d.Dial(dialing, p.URL+query)
		cancel()
		if err == nil {
			return newRollingLine(conn, in), refused, nil
		}
		pause(ctx, 200*time.Millisecond+rand.N(300*time.Millisecond))
	}
	return nil, refused, ctx.Err()
}

// say writes a text frame.
func (l *rollingLine) say(text []byte) error {
	_, err := l.Write(appendFrame(nil, ws.OpText, text))
	return err
}

// listen gives hear each text frame until the connection ends. Pings and the close frame
// are answered, as the protocol asks. The bytes are valid during the call.
func (l *rollingLine) listen(hear func(text []byte)) (end farewell) {
	defer l.Close()
	for {
		h, err := ws.ReadHeader(l.in)
		if err != nil {
			end.err = err
			return end
		}
		if int(h.Length) > cap(l.buf) {
			l.buf = make([]byte, h.Length)
		}
		b := l.buf[:h.Length]
		if _, err := io.ReadFull(l.in, b); err != nil {
			end.err = err
			return end
		}
		switch h.OpCode {
		case ws.OpPing:
			_, _ = l.Write(appendFrame(nil, ws.OpPong, b))
		case ws.OpClose:
			end.code, _ = ws.ParseCloseFrameData(b)
			_, _ = l.Write(appendFrame(nil, ws.OpClose, ws.NewCloseFrameBody(end.code, "")))
			return end
		case ws.OpText:
			if !end.take(b) {
				hear(b)
			}
		}
	}
}
