package offender

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/gobwas/ws"
)

// What may come of a connection, beside "http STATUS" and "close CODE".
const (
	held     = "held"     // it was still open when the attack ended
	ended    = "end"      // the gateway ended it without a word
	wasReset = "reset"    // the same, with RST
	refused  = "refused"  // the kernel did
	timeout  = "timeout"  // nobody answered the SYN
	vanished = "vanished" // the offender left, as it meant to
	none     = "none"     // the attack ended before there was a connection; not counted
)

// ending puts an error into a word.
func (v *Visit) ending(err error) string {
	var n net.Error
	switch {
	case v.crew.ctx.Err() != nil && v.conn == nil:
		return none
	case v.crew.ctx.Err() != nil:
		return held
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ended
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return wasReset
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &n) && n.Timeout():
		return timeout
	}
	return "own fault: " + err.Error()
}

// maxBody bounds the body of an answer that is skipped.
const maxBody = 64 << 10

// answer reads an HTTP answer, head and body. got is its status in a word, or what
// there was instead of it.
func (v *Visit) answer() (got string, status int) {
	in := v.reader()
	line, err := in.ReadSlice('\n')
	if err != nil {
		return v.ending(err), 0
	}
	fields := bytes.Fields(line)
	if len(fields) < 2 || !bytes.HasPrefix(fields[0], []byte("HTTP/1.")) {
		return fmt.Sprintf("no HTTP: %.40q", line), 0
	}
	status, err = strconv.Atoi(string(fields[1]))
	if err != nil {
		return fmt.Sprintf("no HTTP: %.40q", line), 0
	}
	body := 0
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			break // the status has come; what more there was does not matter
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("content-length")) {
			body, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			_, _ = in.Discard(min(body, maxBody))
			break
		}
	}
	return "http " + strconv.Itoa(status), status
}

// closing reads frames until the connection ends, and throws away what they say.
func (v *Visit) closing() string {
	for {
		h, err := v.frame()
		if err != nil {
			return v.ending(err)
		}
		if h.OpCode != ws.OpClose {
			if _, err := v.in.Discard(int(h.Length)); err != nil {
				return v.ending(err)
			}
			continue
		}
		var code [2]byte
		if _, err := io.ReadFull(v.in, code[:]); h.Length < 2 || err != nil {
			return "close"
		}
		return "close " + strconv.Itoa(int(binary.BigEndian.Uint16(code[:])))
	}
}

// frame reads a frame's header (RFC 6455 section 5.2).
func (v *Visit) frame() (h ws.Header, err error) {
	in := v.reader()
	b, err := in.Peek(2)
	if err != nil {
		return h, err
	}
	h.OpCode, h.Length = ws.OpCode(b[0]&15), int64(b[1]&0x7f)
	size := 2
	switch h.Length {
	case 126:
		size = 4
	case 127:
		size = 10
	}
	if b, err = in.Peek(size); err != nil {
		return h, err
	}
	switch size {
	case 4:
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
	case 10:
		h.Length = int64(binary.BigEndian.Uint64(b[2:]) & (1<<31 - 1))
	}
	_, err = in.Discard(size)
	return h, err
}
