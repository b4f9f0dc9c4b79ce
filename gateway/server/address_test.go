package server

import (
	"net"
	"testing"
)

// peered is a connection whose other end is at an address.
type peered struct {
	net.Conn
	peer *net.TCPAddr
}

func (p peered) RemoteAddr() net.Addr { return p.peer }

// TestFrom: a client whose address is written otherwise than its socket's came by itself.
func TestFrom(t *testing.T) {
	peer := peered{peer: &net.TCPAddr{IP: net.ParseIP("192.0.2.7").To16(), Port: 4711}}
	for _, same := range []string{"192.0.2.7:4711", "[::ffff:192.0.2.7]:4711"} {
		if got := from(peer, same); got != net.Conn(peer) {
			t.Errorf("%s is taken for somebody behind a proxy", same)
		}
	}
	if got := from(peer, "203.0.113.7:0").RemoteAddr().String(); got != "203.0.113.7:0" {
		t.Errorf("the client's address is %s", got)
	}
}
