package offender

import (
	"encoding/binary"
	"fmt"

	"github.com/gobwas/ws"

	"github.com/tidegate/tidegate/gateway/wire"
)

// The first byte of a frame: FIN and RSV1 (RFC 6455 section 5.2, RFC 7692 section 6).
const (
	fin  = 0x80
	rsv1 = 0x40
)

// appendFrame appends a frame that is masked with zeros: allowed, and its payload may
// be changed where it stands.
func appendFrame(dst []byte, first byte, payload []byte) []byte {
	dst = appendHead(dst, first, uint64(len(payload)))
	return append(dst, payload...)
}

// appendHead appends the header of a frame that says it has so many bytes.
func appendHead(dst []byte, first byte, length uint64) []byte {
	dst = append(dst, first)
	switch {
	case length < 126:
		dst = append(dst, 0x80|byte(length))
	case length <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), length)
	}
	return append(dst, 0, 0, 0, 0)
}

// text is a whole text frame.
func text(format string, args ...any) []byte {
	return appendFrame(nil, fin|byte(ws.OpText), fmt.Appendf(nil, format, args...))
}

// repeat is b so many times.
func repeat(b []byte, n int) []byte {
	all := make([]byte, 0, len(b)*n)
	for range n {
		all = append(all, b...)
	}
	return all
}

// request is a handshake (RFC 6455 section 4.1), up to the end of its last header but
// not of all of them. more has further headers, each with its end.
func request(host, path, protocol, more string) []byte {
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGlkZWdhdGUgYmVuY2guLg==\r\n", path, host)
	if protocol != "" {
		b = fmt.Appendf(b, "Sec-WebSocket-Protocol: %s\r\n", protocol)
	}
	return append(b, more...)
}

// enter connects and shakes hands. Not "" is what came of it instead.
func (v *Visit) enter(path, protocol, more string) (got string) {
	address := v.crew.target.Public
	if got := v.connect(address); got != "" {
		return got
	}
	return v.shake(append(request(address, path, protocol, more), "\r\n"...))
}

// member is enter for a client of the JSON subprotocol.
func (v *Visit) member() (got string) { return v.enter(hubPath, wire.Protocol, "") }

// shake sends a handshake and wants 101. Not "" is what came of it instead.
func (v *Visit) shake(request []byte) (got string) {
	if err := v.write(request, 1); err != nil {
		return v.ending(err)
	}
	if got, status := v.answer(); status != 101 {
		return got
	}
	return ""
}
