package door

import (
	"strings"
	"testing"
)

// TestWhole: what can be read to its end, and what not yet.
func TestWhole(t *testing.T) {
	const get, tls = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", true
	f := func(tls bool, sent string, want bool) {
		t.Helper()
		p := newPeeker(Config{HeaderBytes: 1 << 10, TLS: tls})
		if got := p.whole([]byte(sent)); got != want {
			t.Errorf("%q: %v, want %v", sent, got, want)
		}
	}
	f(!tls, get, true)
	f(!tls, get+"more", true)
	for i := range len(get) {
		f(!tls, get[:i], false)
	}
	f(!tls, strings.ReplaceAll(get, "\r", ""), true)
	f(!tls, "SSH-2.0-OpenSSH\r\n", true) // the server says at once that it is no request
	f(!tls, "SSH-2.0-OpenSSH", false)
	f(!tls, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true)

	hello := "\x16\x03\x01\x00\x04abcd"
	f(tls, hello, true)
	f(tls, hello+"more", true)
	for i := range len(hello) {
		f(tls, hello[:i], false)
	}
	f(tls, get, true) // refused at its first bytes

	first := "PROXY TCP4 192.0.2.7 192.0.2.8 4711 80\r\n"
	second := string(signature) + "\x21\x11\x00\x0c" + strings.Repeat("\n", 12)
	for _, header := range []string{first, second} {
		for i := range len(header) {
			f(!tls, header[:i], false)
			f(tls, header[:i], false)
		}
		f(!tls, header+get, true)
		f(!tls, header+get[:len(get)-1], false)
		f(tls, header+hello, true)
		f(tls, header+hello[:len(hello)-1], false)
	}
}
