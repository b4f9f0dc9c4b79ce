package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gobwas/ws"
)

// retryAfter is how long a client waits that was not told how long.
const retryAfter = time.Second

// stage is how far a guest of a wave is.
type stage uint8

// The stages, in their order.
const (
	outside    stage = iota // to connect when its time comes
	connecting              // the SYN is out
	shaking                 // connected, and the handshake is asked for
	joining                 // it is a WebSocket, and its group is asked for
	inside                  // joined
)

// guest is one connection of a wave. Owned by the wave's goroutine.
type guest struct {
	stage stage
	fd    int           // -1 while outside
	at    time.Duration // when it came last, or is to come while outside
	in    []byte        // what was read and is no whole frame or answer yet
}

// answer is what a server said to a handshake.
type answer struct {
	status     int
	retryAfter time.Duration // as told; 0 if it was not
}

// readAnswer reads an HTTP answer's head at the start of b. size is its length, and
// 0 if b does not hold all of it yet. http.ReadResponse would do it too, at the
// price of a goroutine that waits, for each of 18,000.
func readAnswer(b []byte) (a answer, size int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > joinFrameLimit {
			return a, 0, errors.New("the server's answer has no end")
		}
		return a, 0, nil
	}
	lines := bytes.Split(b[:end], []byte("\r\n"))
	fields := bytes.Fields(lines[0])
	if len(fields) < 2 || !bytes.HasPrefix(fields[0], []byte("HTTP/1.")) {
		return a, 0, fmt.Errorf("%q is no HTTP answer", lines[0])
	}
	if a.status, err = strconv.Atoi(string(fields[1])); err != nil {
		return a, 0, fmt.Errorf("%q is no HTTP answer", lines[0])
	}
	for _, line := range lines[1:] {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if http.CanonicalHeaderKey(string(name)) == "Retry-After" {
			seconds, err := strconv.Atoi(string(bytes.TrimSpace(value)))
			if err == nil {
				a.retryAfter = time.Duration(seconds) * time.Second
			}
		}
	}
	return a, end + 4, nil
}

// joined looks through the frames at the start of b for the ack of the join, and
// returns what is left of b and whether a pong is due. An error is a server that
// refused or closed.
func joined(b []byte) (rest []byte, in, ping bool, err error) {
	for {
		h, size, err := frameHeader(b)
		switch {
		case err != nil:
			return nil, in, ping, err
		case h.Length > joinFrameLimit:
			return nil, in, ping, fmt.Errorf("the server sent a frame of %d bytes", h.Length)
		case size == 0 || int64(len(b)-size) < h.Length:
			return b, in, ping, nil
		}
		payload := b[size : size+int(h.Length)]
		b = b[size+int(h.Length):]
		switch h.OpCode {
		case ws.OpClose:
			return nil, in, ping, errors.New(closeReason(payload))
		case ws.OpPing:
			ping = true
		case ws.OpText:
			_, ok := quickAck(payload)
			if !ok && bytes.Contains(payload, []byte(`"success":false`)) {
				return nil, in, ping, fmt.Errorf("the server refused joinGroup: %s", payload)
			}
			in = in || ok
		}
	}
}
