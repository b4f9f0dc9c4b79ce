package reactor

import (
	"bytes"
	"net"
)

// socket is what is below all layers, and what was read from it. A layer is a connection
// that is done with its own work, such as a header before the first byte, so that the one
// below it can go on alone: its method Under returns that one, and what was read from it
// that no Read has returned. The layer is not used any more after that.
func socket(conn net.Conn, read []byte) (net.Conn, []byte) {
	for {
		layer, ok := conn.(interface{ Under() (net.Conn, []byte) })
		if !ok {
			return conn, read
		}
		var unread []byte
		conn, unread = layer.Under()
		read = append(read, unread...)
	}
}

// setAddr has an address be another one, in place: the engine has an address for each
// connection, so the client's costs nothing where the proxy's would stand.
func setAddr(a, other net.Addr) {
	to, ok := a.(*net.TCPAddr)
	from, same := other.(*net.TCPAddr)
	if !ok || !same || to == from {
		return
	}
	to.IP, to.Port, to.Zone = bytes.Clone(from.IP), from.Port, from.Zone
}
