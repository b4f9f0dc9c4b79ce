package proxy

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/pires/go-proxyproto"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// accepted makes a connection through a listener that trusts a network.
func accepted(t *testing.T, trusted string, timeout time.Duration) (server net.Conn, client *net.TCPConn, l *listener) {
	t.Helper()
	trust, err := New([]string{trusted}, XForwardedFor)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l = trust.Listener(bare, Protocol{Timeout: timeout, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()}).(*listener)
	defer l.Close()
	c, err := net.DialTimeout("tcp", l.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		server.Close()
	})
	_ = c.SetDeadline(time.Now().Add(patience))
	return server, c.(*net.TCPConn), l
}

// header is one of the PROXY protocol.
func header(t *testing.T, version byte, from string) string {
	t.Helper()
	source, err := net.ResolveTCPAddr("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	to := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}
	if source.IP.To4() == nil {
		to.IP = net.ParseIP("2001:db8::1")
	}
	text, err := proxyproto.HeaderProxyFromAddrs(version, source, to).Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// local is the header of a proxy's own connection.
func local(t *testing.T) string {
	t.Helper()
	text, err := (&proxyproto.Header{Version: 2, Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}).Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestHeaders: the address is what the header says, and what follows is not touched.
func TestHeaders(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		server, client, l := accepted(t, "127.0.0.0/8", patience)
		body := "GET / HTTP/1.1\r\n" + strings.Repeat("x", 10_000)
		if _, err := io.WriteString(client, text+body); err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = client.LocalAddr().String()
		}
		if got := server.RemoteAddr().String(); got != want {
			t.Errorf("%q: the address is %s, want %s", text, got, want)
		}
		client.CloseWrite()
		if got, err := io.ReadAll(server); err != nil || string(got) != body {
			t.Errorf("%q: then came %d bytes, want %d: %v", text, len(got), len(body), err)
		}
		if n := l.failed.Get(); n != 0 {
			t.Errorf("%q: %d failures are counted", text, n)
		}
	}
	f(header(t, 1, "203.0.113.7:4711"), "203.0.113.7:4711")
	f(header(t, 2, "203.0.113.7:4711"), "203.0.113.7:4711")
	f(header(t, 1, "[2003::7]:4711"), "[2003::7]:4711")
	f(header(t, 2, "[2003::7]:4711"), "[2003::7]:4711")
	f("PROXY UNKNOWN\r\n", "")
	f(local(t), "")
}

// TestNoHeader: a trusted peer that sends something else is refused, in time.
func TestNoHeader(t *testing.T) {
	f := func(text string) {
		t.Helper()
		server, client, l := accepted(t, "127.0.0.1", 100*time.Millisecond)
		if _, err := io.WriteString(client, text); err != nil {
			t.Fatal(err)
		}
		if got := server.RemoteAddr().String(); got != client.LocalAddr().String() {
			t.Errorf("%q: the address is %s", text, got)
		}
		if n, err := server.Read(make([]byte, 10)); err == nil {
			t.Errorf("%q: %d bytes were read", text, n)
		}
		if n := l.failed.Get(); n != 1 {
			t.Errorf("%q: %d failures are counted", text, n)
		}
	}
	f("")
	f("GET / HTTP/1.1\r\n\r\n")
	f("PROX")
	f("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n")
	f("PROXY TCP4 1.1.1.1 2.2.2.2 1 99999\r\n")
	f("PROXY TCP4 " + strings.Repeat("1", 200) + "\r\n")
	f(header(t, 2, "203.0.113.7:4711")[:20])
	f(strings.Replace(header(t, 2, "203.0.113.7:4711"), "\x21\x11", "\x31\x11", 1))
	f("\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff" + strings.Repeat("\x00", 5000))
}

// TestHealthCheck: who connects and goes is no mistake.
func TestHealthCheck(t *testing.T) {
	for _, reset := range []bool{false, true} {
		server, client, l := accepted(t, "127.0.0.1", patience)
		if reset {
			_ = client.SetLinger(0)
		}
		client.Close()
		_ = server.RemoteAddr()
		if _, err := server.Read(make([]byte, 10)); err == nil || l.failed.Get() != 0 {
			t.Errorf("reset %v: %v, and %d failures are counted", reset, err, l.failed.Get())
		}
	}
}

// TestStranger: what somebody else writes is not read as a header.
func TestStranger(t *testing.T) {
	server, client, _ := accepted(t, "10.0.0.0/8", patience)
	text := header(t, 1, "203.0.113.7:4711")
	if _, err := io.WriteString(client, text); err != nil {
		t.Fatal(err)
	}
	if got := server.RemoteAddr().String(); got != client.LocalAddr().String() {
		t.Errorf("the address is %s", got)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(server, got); err != nil || string(got) != text {
		t.Errorf("read %q, %v", got, err)
	}
}

// TestDeadline: who reads with a deadline, as the door does to say no, keeps it.
func TestDeadline(t *testing.T) {
	server, _, _ := accepted(t, "127.0.0.1", time.Hour)
	_ = server.SetDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := server.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want that the deadline is over", err)
	}
}

// TestUnder: what came with the header and was not read goes with the socket.
func TestUnder(t *testing.T) {
	server, client, _ := accepted(t, "127.0.0.1", patience)
	if _, err := io.WriteString(client, header(t, 2, "203.0.113.7:4711")+"abcdef"); err != nil {
		t.Fatal(err)
	}
	_ = server.RemoteAddr()
	got := make([]byte, 2)
	if _, err := io.ReadFull(server, got); err != nil {
		t.Fatal(err)
	}
	below, unread := server.(*conn).Under()
	if _, isTCP := below.(*net.TCPConn); !isTCP || !bytes.Equal(unread, []byte("cdef")) || string(got) != "ab" {
		t.Errorf("read %q, left %q, below is a %T", got, unread, below)
	}
}
