package address

import (
	"net"
	"net/netip"
	"testing"
)

// TestClient: what is one client's, however it is written, and what is not.
func TestClient(t *testing.T) {
	f := func(a, b string, same bool) {
		t.Helper()
		one, other := Client(netip.MustParseAddr(a)), Client(netip.MustParseAddr(b))
		if (one == other) != same {
			t.Errorf("%s is %v and %s is %v", a, one, b, other)
		}
	}
	f("192.0.2.7", "192.0.2.7", true)
	f("192.0.2.7", "::ffff:192.0.2.7", true)
	f("192.0.2.7", "192.0.2.8", false)
	f("::ffff:192.0.2.7", "::ffff:192.0.2.8", false)
	f("2001:db8:1:2::7", "2001:db8:1:2:ffff::8", true)
	f("2001:db8:1:2::7", "2001:db8:1:3::7", false)
	f("fe80::1%eth0", "fe80::2", true)
	f("::1", "127.0.0.1", false)
}

// TestOf: a connection's other end is its client's, and what is no address is nobody's.
func TestOf(t *testing.T) {
	if got := Of(&net.TCPAddr{IP: net.ParseIP("192.0.2.7"), Port: 4711}); got != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("got %v", got)
	}
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if got := Of(a.RemoteAddr()); got.IsValid() {
		t.Errorf("a pipe's end is %v", got)
	}
}
