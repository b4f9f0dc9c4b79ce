package conformance

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// echoServer is a small server on gobwas/ws that has all checks but one, or all. It shares
// nothing with the gateway's reader but the library's primitives.
type echoServer struct{ lacks check }

// serve has it listen until the test ends.
func (e echoServer) serve(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { e.connection(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l.Addr().String()
}

// connection echoes until a close, then reads on until the client hangs up: a reset could
// overtake the close frame.
func (e echoServer) connection(conn net.Conn) {
	defer conn.Close()
	if _, err := ws.Upgrade(conn); err != nil {
		return
	}
	c := echoConn{echoServer: e, conn: conn}
	for !c.over {
		c.step()
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
}

// echoConn is one connection.
type echoConn struct {
	echoServer
	conn    net.Conn
	op      ws.OpCode // of the message that has begun, if one has
	message []byte
	over    bool
}

// has reports whether a check is made.
func (c *echoConn) has(k check) bool { return c.lacks != k }

// close sends a close frame, the last.
func (c *echoConn) close(code ws.StatusCode) {
	c.write(ws.OpClose, ws.NewCloseFrameBody(code, ""))
	c.over = true
}

func (c *echoConn) write(op ws.OpCode, payload []byte) {
	_ = ws.WriteFrame(c.conn, ws.NewFrame(op, true, payload)) // a client that is gone is found by the next read
}

// step takes one frame.
func (c *echoConn) step() {
	h, err := ws.ReadHeader(c.conn)
	switch {
	case errors.Is(err, ws.ErrHeaderLengthMSB) && !c.has(lengthCheck):
		h = ws.Header{Fin: true, OpCode: ws.OpPong, Masked: true, Length: 1} // without the bit, and of no consequence
	case errors.Is(err, ws.ErrHeaderLengthMSB):
		c.close(ws.StatusProtocolError)
		return
	case err != nil:
		c.over = true
		return
	}
	if c.refused(h) {
		c.close(ws.StatusProtocolError)
		return
	}
	if c.has(sizeCheck) && int64(len(c.message))+h.Length > messageBytes {
		c.close(ws.StatusMessageTooBig)
		return
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(c.conn, payload); err != nil {
		c.over = true
		return
	}
	if h.Masked {
		ws.Cipher(payload, h.Mask, 0)
	}
	switch {
	case h.OpCode == ws.OpClose:
		c.closed(payload)
	case h.OpCode == ws.OpPing:
		c.write(ws.OpPong, payload)
	case h.OpCode < ws.OpClose:
		c.data(h, payload)
	}
}

// lenient are the library's errors that a server without a check does not make.
var lenient = map[check][]error{
	maskCheck:         {ws.ErrProtocolMaskRequired},
	reservedCheck:     {ws.ErrProtocolNonZeroRsv},
	opcodeCheck:       {ws.ErrProtocolOpCodeReserved},
	orderCheck:        {ws.ErrProtocolContinuationExpected, ws.ErrProtocolContinuationUnexpected},
	controlSizeCheck:  {ws.ErrProtocolControlPayloadOverflow},
	controlWholeCheck: {ws.ErrProtocolControlNotFinal},
}

// refused is the library's judgement of a header, but for the check that is not made.
func (c *echoConn) refused(h ws.Header) bool {
	state := ws.StateServerSide
	if c.op != 0 {
		state = state.Set(ws.StateFragmented)
	}
	err := ws.CheckHeader(h, state)
	for _, e := range lenient[c.lacks] {
		if errors.Is(err, e) {
			return false
		}
	}
	return err != nil
}

// data takes a frame of a message.
func (c *echoConn) data(h ws.Header, payload []byte) {
	if c.op == 0 || h.OpCode != ws.OpContinuation {
		c.op, c.message = h.OpCode, nil
	}
	c.message = append(c.message, payload...)
	if c.op == ws.OpText && c.has(textCheck) && !startsText(c.message, h.Fin) {
		c.close(ws.StatusInvalidFramePayloadData)
		return
	}
	if h.Fin {
		c.write(c.op, c.message)
		c.op, c.message = 0, nil
	}
}

// startsText reports whether b is UTF-8, or may become it.
func startsText(b []byte, ended bool) bool {
	for len(b) > 0 && (ended || utf8.FullRune(b)) {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return false
		}
		b = b[n:]
	}
	return true
}

// closed answers a close frame.
func (c *echoConn) closed(payload []byte) {
	c.over = true
	if len(payload) == 0 {
		c.write(ws.OpClose, nil)
		return
	}
	if len(payload) == 1 {
		payload = append(payload, 0)
	}
	code := binary.BigEndian.Uint16(payload)
	registered := code >= 1000 && code <= 1014 && (code < 1004 || code > 1006) || code >= 3000 && code < 5000
	switch {
	case c.has(closeCheck) && !registered:
		c.close(ws.StatusProtocolError)
	case c.has(textCheck) && !utf8.Valid(payload[2:]):
		c.close(ws.StatusInvalidFramePayloadData)
	default:
		c.write(ws.OpClose, payload[:2])
	}
}
