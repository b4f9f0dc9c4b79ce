// Package address says which addresses are one client's, for limits by address.
package address

import (
	"net"
	"net/netip"
)

// network is how much of an IPv6 address names a client: providers give each at least so
// much, and it may take any address in it.
const network = 64

// Client is what all addresses of one client have in common: of IPv6 its /64, and of IPv4
// the address, also where it is written as IPv6. May be called on any goroutine.
func Client(a netip.Addr) netip.Addr {
	if a = a.Unmap().WithZone(""); a.Is6() {
		a = netip.PrefixFrom(a, network).Masked().Addr()
	}
	return a
}

// Of is Client of a connection's other end. What is no TCP address is one client, the zero
// Addr.
func Of(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return Client(tcp.AddrPort().Addr())
	}
	return netip.Addr{}
}
