package door

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// word is how far a client has come with its first one.
type word uint8

const (
	unsaid word = iota // it has begun at most
	said               // what it has sent can be read to its end
	gone               // it hung up before
)

// socket is what is below all layers of a connection (each has a NetConn, as those of
// crypto/tls do), and its descriptor, which is -1 if nothing is known of it. The number is
// good for as long as the connection is not closed.
func socket(c net.Conn) (bottom net.Conn, fd int) {
	for {
		layer, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = layer.NetConn()
	}
	fd = -1
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			_ = raw.Control(func(number uintptr) { fd = int(number) })
		}
	}
	return c, fd
}

// peeker looks at what sockets have, and leaves it there. Not safe for concurrent use.
type peeker struct {
	buffer []byte
	tls    bool // clients begin with a handshake of TLS
}

const (
	// slop is what net/http reads beyond its limit on headers before it answers 431.
	slop = 4096
	// mostPeeked is as much as any kernel keeps unread for a socket.
	mostPeeked = 32 << 10
)

// newPeeker has a buffer that holds any header that is not refused for its length, but if
// that is beyond what a socket holds.
func newPeeker(c Config) *peeker {
	return &peeker{buffer: make([]byte, min(c.HeaderBytes+slop, mostPeeked)), tls: c.TLS}
}

// hear is how far a guest has come. Who cannot be listened to is believed to have said all.
// It does not wait.
func (p *peeker) hear(g *guest) word {
	if g.fd < 0 {
		return said
	}
	n, _, err := unix.Recvfrom(g.fd, p.buffer, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	for errors.Is(err, unix.EINTR) {
		n, _, err = unix.Recvfrom(g.fd, p.buffer, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	}
	switch {
	case errors.Is(err, unix.EAGAIN):
		return unsaid
	case err != nil || n == 0:
		return gone
	case n == len(p.buffer) || p.whole(p.buffer[:n]):
		return said
	}
	return unsaid
}

// whole reports whether the server need not wait for more. Of TLS that is so for the first
// record only, the client's hello: what comes after it is encrypted.
func (p *peeker) whole(sent []byte) bool {
	sent = afterProxy(sent)
	if p.tls {
		return wholeRecord(sent)
	}
	return wholeHeader(sent)
}

// How headers of the PROXY protocol begin, of version 1 and 2.
var (
	greeting  = []byte("PROXY ")
	signature = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

// afterProxy is what comes after a header of the PROXY protocol, if there is one. Whether
// it may be there is for others to say.
func afterProxy(sent []byte) []byte {
	const fixed = 16
	switch {
	case bytes.HasPrefix(sent, greeting[:min(len(sent), len(greeting))]):
		_, rest, _ := bytes.Cut(sent, []byte("\n"))
		return rest
	case !bytes.HasPrefix(sent, signature[:min(len(sent), len(signature))]):
		return sent
	case len(sent) < fixed:
		return nil
	}
	return sent[min(len(sent), fixed+int(binary.BigEndian.Uint16(sent[fixed-2:]))):]
}

// wholeHeader reports whether a request's header is there to its end, with lines that end
// as net/http takes them. What does not begin as HTTP/1 does is answered at its first line.
func wholeHeader(sent []byte) bool {
	line, _, ended := bytes.Cut(sent, []byte("\n"))
	return ended && !bytes.Contains(line, []byte(" HTTP/1.")) ||
		bytes.Contains(sent, []byte("\n\r\n")) || bytes.Contains(sent, []byte("\n\n"))
}

// wholeRecord reports whether a record of TLS is there to its end (RFC 8446 section 5.1).
// What is none is refused at its first bytes.
func wholeRecord(sent []byte) bool {
	const header, handshake = 5, 22
	if len(sent) < header {
		return false
	}
	return sent[0] != handshake || len(sent) >= header+int(binary.BigEndian.Uint16(sent[3:]))
}
