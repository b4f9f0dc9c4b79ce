package proxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// FuzzForwarded: whatever stands in the header, a client is no other than the one that the
// trusted proxies have named. What the client itself has written, in as many lines as it
// likes, changes nothing of what a proxy adds behind it.
func FuzzForwarded(f *testing.F) {
	for _, lines := range []string{"203.0.113.7", "1.1.1.1, 203.0.113.7 ,192.0.2.1", "[2003::7]:4711", "for=1.1.1.1;for=2.2.2.2", `for="1.1.1.1`,
		`for="[2001:db8::7]:4711"; proto=https`, "for=\"\\", "\"\n,\\\"", "10.0.0.1\n10.0.0.2", "::ffff:10.0.0.1, 10.0.0.1", "fe80::1%eth0", "203.0.113.7:_x", "for=unknown, for=10.0.0.1"} {
		f.Add(lines, uint8(0), true)
		f.Add(lines, uint8(1), false)
	}
	peers := []string{"10.0.0.1:5", "203.0.113.9:5", "[2001:db8::1]:5", "[::ffff:10.0.0.1]:5"}
	f.Fuzz(func(t *testing.T, text string, which uint8, standard bool) {
		header, element := XForwardedFor, "%s"
		if standard {
			header, element = Forwarded, `for="%s";proto=https`
		}
		trust, err := New([]string{"10.0.0.0/8", "192.0.2.1", "2001:db8::/32"}, header)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(text, "\n")
		from := func(peer string, lines []string) netip.AddrPort {
			return trust.client(netip.MustParseAddrPort(peer), http.Header{http.CanonicalHeaderKey(header): lines})
		}
		peer := peers[int(which)%len(peers)]
		got := from(peer, lines)
		if peer == peers[1] && got.String() != peer {
			t.Fatalf("%q of a stranger is believed: %s", lines, got)
		}
		if got.Addr().Is4In6() && peer != peers[3] || got.Addr().Zone() != "" {
			t.Fatalf("%q: %s", lines, got)
		}
		if want := told(netip.MustParseAddrPort(peer), lines); !standard && peer != peers[1] && got.Addr().Unmap() != want {
			t.Fatalf("%q through %s is %s, want %s", lines, peer, got, want)
		}
		for _, client := range []string{"203.0.113.7:4711", "[2003::7]:80"} {
			said, hop := fmt.Sprintf(element, client), fmt.Sprintf(element, "10.0.0.2")
			last := len(lines) - 1
			for _, added := range [][]string{
				append(slices.Clone(lines), said), append(slices.Clone(lines), said+", "+hop), append(slices.Clone(lines), said, hop),
				append(slices.Clone(lines[:last]), lines[last]+", "+said), append(slices.Clone(lines[:last]), lines[last]+","+said+", "+hop),
			} {
				if got := from("10.0.0.1:5", added); got.String() != client {
					t.Fatalf("%q is %s, and the proxy has said %s", added, got, client)
				}
			}
		}
	})
}

// told is whom X-Forwarded-For names, read in the plainest way.
func told(peer netip.AddrPort, lines []string) netip.Addr {
	at := peer.Addr().Unmap()
	all := strings.Split(strings.Join(lines, ","), ",")
	for _, element := range slices.Backward(all) {
		if !netip.MustParsePrefix("10.0.0.0/8").Contains(at) && at != netip.MustParseAddr("192.0.2.1") && !netip.MustParsePrefix("2001:db8::/32").Contains(at) {
			break
		}
		element = strings.Trim(element, " \t")
		if port := strings.LastIndex(element, ":_"); port > 0 && (strings.Contains(element[:port], "]") || strings.Count(element, ":") == 1) {
			element = element[:port] // a port that is hidden
		}
		next, err := netip.ParseAddr(element)
		if both, bad := netip.ParseAddrPort(element); bad == nil {
			next, err = both.Addr(), nil
		} else if inner, ok := strings.CutPrefix(element, "["); ok {
			if inner, ok = strings.CutSuffix(inner, "]"); ok && strings.Contains(inner, ":") {
				next, err = netip.ParseAddr(inner)
			}
		}
		if err != nil || next.Zone() != "" {
			break
		}
		at = next.Unmap()
	}
	return at
}

// scripted is a connection on which bytes come.
type scripted struct {
	net.Conn
	in *bytes.Reader
}

func (s scripted) Read(p []byte) (int, error)      { return s.in.Read(p) }
func (s scripted) SetReadDeadline(time.Time) error { return nil }
func (s scripted) RemoteAddr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5} }

// FuzzProtocol: what begins with no header of the PROXY protocol is not read on, and of
// what does the header and nothing else is taken away; who it is from stands there.
func FuzzProtocol(f *testing.F) {
	const v2 = "\r\n\r\n\x00\r\nQUIT\n"
	for _, in := range []string{"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\nGET / HTTP/1.1\r\n", "PROXY TCP6 2003::7 2001:db8::1 1 2\r\n", "PROXY UNKNOWN\r\nx",
		"PROXY UNKNOWN " + strings.Repeat("x", 200) + "\r\n", "PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\n", "PROXY TCP4 ::ffff:1.2.3.4 192.0.2.1 4711 443\r\n",
		v2 + "\x21\x11\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x01\x12\x67\x01\xbbrest", v2 + "\x20\x00\x00\x00rest", v2 + "\x21\x11\x00\x04\xcb\x00\x71\x07",
		v2 + "\x21\x21\x00\x24" + strings.Repeat("\x20", 36) + "rest", v2 + "\x21\x11\x00\x13\xcb\x00\x71\x07\xc0\x00\x02\x01\x12\x67\x01\xbb\x03\x00\x04abcdrest",
		v2 + "\x21\x31\x00\xd8" + strings.Repeat("/", 216), "", "P", "GET / HTTP/1.1\r\n\r\n"} {
		f.Add([]byte(in))
	}
	l := &listener{Protocol: Protocol{Log: slog.New(slog.DiscardHandler)}, failed: metrics.NewSet().NewCounter("x")}
	f.Fuzz(func(t *testing.T, in []byte) {
		c := &conn{Conn: scripted{in: bytes.NewReader(in)}, listener: l}
		from := c.RemoteAddr().(*net.TCPAddr).AddrPort()
		rest, err := io.ReadAll(c)
		if c.err != nil {
			if err == nil || len(rest) > 0 || c.client != nil {
				t.Fatalf("%q: %v, and yet %q was read from %s, %v", in, c.err, rest, from, err)
			}
			return
		}
		header, ok := bytes.CutSuffix(in, rest)
		if !ok || err != nil {
			t.Fatalf("%q: then comes %q, %v", in, rest, err)
		}
		want := netip.MustParseAddrPort("10.0.0.1:5")
		if line, text := bytes.CutPrefix(header, []byte("PROXY ")); text {
			if bytes.IndexByte(header, '\n') != len(header)-1 || len(header) > 107 {
				t.Fatalf("%q is the header of %q", header, in)
			}
			words := strings.Fields(string(line))
			if words[0] != "UNKNOWN" {
				want = netip.MustParseAddrPort(net.JoinHostPort(words[1], words[3]))
			}
		} else {
			want = binaryClient(t, header, want)
		}
		if want = netip.AddrPortFrom(want.Addr().Unmap(), want.Port()); netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) != want {
			t.Fatalf("%q is from %s, want %s", header, from, want)
		}
	})
}

// binaryClient is whom a header of version 2 is from.
func binaryClient(t *testing.T, header []byte, otherwise netip.AddrPort) netip.AddrPort {
	if len(header) < 16 || string(header[:12]) != "\r\n\r\n\x00\r\nQUIT\n" || int(binary.BigEndian.Uint16(header[14:])) != len(header)-16 {
		t.Fatalf("%q is no header", header)
	}
	size := map[byte]int{0x11: 4, 0x21: 16}[header[13]]
	if header[12] != 0x21 || size == 0 {
		return otherwise
	}
	a, _ := netip.AddrFromSlice(header[16 : 16+size])
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(header[16+2*size:]))
}
