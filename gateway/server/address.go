package server

import (
	"net"
	"net/http"
	"net/netip"

	"github.com/tidegate/tidegate/gateway/address"
)

// clientOf is the client of a request, as address.Of has it of the connection that from
// makes of it.
func clientOf(r *http.Request) netip.Addr {
	at, _ := netip.ParseAddrPort(r.RemoteAddr) // or nobody's
	return address.Client(at.Addr())
}

// from is a connection whose client is at another address than its other end, if the
// request says so: a proxy has told it. Address is as Request.RemoteAddr has it.
func from(conn net.Conn, address string) net.Conn {
	client, err := netip.ParseAddrPort(address)
	peer, ok := conn.RemoteAddr().(*net.TCPAddr)
	if err != nil {
		return conn
	}
	// Either may be IPv4 written as IPv6: a listener on all addresses has such peers.
	client = netip.AddrPortFrom(client.Addr().Unmap(), client.Port())
	if ok {
		other := peer.AddrPort()
		if netip.AddrPortFrom(other.Addr().Unmap(), other.Port()) == client {
			return conn
		}
	}
	return forwarded{conn, net.TCPAddrFromAddrPort(client)}
}

// forwarded is one with its client's address.
type forwarded struct {
	net.Conn
	client *net.TCPAddr
}

// RemoteAddr is the client's.
func (f forwarded) RemoteAddr() net.Addr { return f.client }

// Under is the connection for the reactor.
func (f forwarded) Under() (net.Conn, []byte) { return f.Conn, nil }
