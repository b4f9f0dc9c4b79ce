package proxy

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// walk is a check of whom a request comes from, by the lines of one header. Trusted are
// 10.0.0.0/8, 192.0.2.1 and 2001:db8::/32.
func walk(t *testing.T, header string) func(peer, want string, lines ...string) {
	trust, err := New([]string{"10.0.0.0/8", "192.0.2.1", "2001:db8::/32"}, header)
	if err != nil {
		t.Fatal(err)
	}
	return func(peer, want string, lines ...string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = peer
		r.Header[http.CanonicalHeaderKey(header)] = lines
		got := ""
		trust.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr })).ServeHTTP(nil, r)
		if got != want {
			t.Errorf("%s: %q through %s: %s, want %s", header, lines, peer, got, want)
		}
	}
}

func TestXForwardedFor(t *testing.T) {
	f := walk(t, XForwardedFor)
	f("10.0.0.1:5", "203.0.113.7:0", "203.0.113.7")
	f("10.0.0.1:5", "203.0.113.7:4711", "203.0.113.7:4711")
	f("10.0.0.1:5", "[2003::7]:0", "2003::7")
	f("10.0.0.1:5", "[2003::7]:0", "[2003::7]")
	f("10.0.0.1:5", "[2003::7]:4711", "[2003::7]:4711")
	f("10.0.0.1:5", "203.0.113.7:0", "::ffff:203.0.113.7")
	f("[::ffff:10.0.0.1]:5", "203.0.113.7:0", "203.0.113.7")
	f("[2001:db8::1]:5", "203.0.113.7:0", "203.0.113.7")

	// Whoever is not trusted is taken for himself.
	f("203.0.113.9:5", "203.0.113.9:5", "203.0.113.7")
	f("192.0.2.2:5", "192.0.2.2:5", "203.0.113.7")
	f("10.0.0.1:5", "10.0.0.1:5")

	// Past trusted hops, and no further: what stands left of the client is the client's word.
	f("10.0.0.1:5", "203.0.113.7:0", "203.0.113.7, 192.0.2.1, 10.9.9.9")
	f("10.0.0.1:5", "203.0.113.7:0", "1.1.1.1, 10.0.0.7, 203.0.113.7 ,192.0.2.1")
	f("10.0.0.1:5", "203.0.113.7:0", "1.1.1.1", "203.0.113.7", "10.0.0.2")
	f("10.0.0.1:5", "10.0.0.3:0", "10.0.0.3, 10.0.0.2")

	// At what is no address the last who is known counts.
	for _, garbage := range []string{"", "unknown", "_hidden", "203.0.113", "203.0.113.7:", "203.0.113.7:x", "203.0.113.7:99999",
		"[2003::7", "2003::7]", "[2003::7]x", "[203.0.113.7]:5", "fe80::1%eth0", "localhost", `"203.0.113.7"`, "203.0.113.7 203.0.113.8", "\x00"} {
		f("10.0.0.1:5", "10.0.0.1:5", garbage)
		f("10.0.0.1:5", "10.0.0.2:0", "1.1.1.1, "+garbage+", 10.0.0.2")
		f("10.0.0.1:5", "203.0.113.7:0", garbage+", 203.0.113.7")
	}
}

func TestForwarded(t *testing.T) {
	f := walk(t, Forwarded)
	f("10.0.0.1:5", "203.0.113.7:0", "for=203.0.113.7")
	f("10.0.0.1:5", "203.0.113.7:0", "For=203.0.113.7;proto=https; by=10.0.0.1")
	f("10.0.0.1:5", "203.0.113.7:4711", `proto=https;FOR="203.0.113.7:4711"`)
	f("10.0.0.1:5", "[2003::7]:4711", `for="[2003::7]:4711"`)
	f("10.0.0.1:5", "[2003::7]:0", `for="[2003::7]:_a7"`)
	f("10.0.0.1:5", "203.0.113.7:0", `for=1.1.1.1, for=203.0.113.7;host="a,b;for=2.2.2.2", for=10.0.0.2`)
	f("10.0.0.1:5", "203.0.113.7:0", `for=203.0.113.7;host="a\",\\"`)
	f("10.0.0.1:5", "203.0.113.7:0", "for=1.1.1.1", "for=203.0.113.7", "for=192.0.2.1")

	// A quote that the client has left open does not swallow what the proxies have added.
	f("10.0.0.1:5", "203.0.113.7:0", `for="1.1.1.1, for=203.0.113.7`)
	f("10.0.0.1:5", "203.0.113.7:0", `for="1.1.1.1\, for=203.0.113.7, for=10.0.0.2`)

	for _, garbage := range []string{"", "for=unknown", "for=_hidden", "for", "for=", `for="`, `for=""`, "203.0.113.7", "proto=https",
		"for=1.1.1.1;for=2.2.2.2", "for=1.1.1.1;", "for =1.1.1.1", `for="1.1.1.1`, "for=1.1.1.1:99999"} {
		f("10.0.0.1:5", "10.0.0.1:5", garbage)
		f("10.0.0.1:5", "10.0.0.2:0", "for=1.1.1.1, "+garbage+", for=10.0.0.2")
	}
}

// TestOtherHeader: what a client writes into the header that the proxy does not use is
// nothing.
func TestOtherHeader(t *testing.T) {
	trust, err := New([]string{"10.0.0.1"}, XForwardedFor)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{"Forwarded": {"for=1.1.1.1"}, "X-Forwarded-For": {"203.0.113.7"}, "X-Real-Ip": {"1.1.1.1"}}
	if got := trust.client(netip.MustParseAddrPort("10.0.0.1:5"), h); got.String() != "203.0.113.7:0" {
		t.Errorf("the client is %s", got)
	}
}

func TestNew(t *testing.T) {
	for _, wrong := range []string{"", "10.0.0.0/33", "a", "fe80::1%eth0", "::ffff:10.0.0.0/104"} {
		if _, err := New([]string{wrong}, XForwardedFor); err == nil {
			t.Errorf("%q was taken for a network", wrong)
		}
	}
	none, err := New(nil, XForwardedFor)
	if none != nil || err != nil {
		t.Errorf("nobody is trusted: %v, %v", none, err)
	}
}
