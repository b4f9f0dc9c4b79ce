package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/gobwas/ws"
)

// frames are text frames of a server, one after the other.
func frames(messages ...string) []byte {
	var b []byte
	for _, m := range messages {
		b = append(b, ws.MustCompileFrame(ws.NewTextFrame([]byte(m)))...)
	}
	return b
}

func TestJoin(t *testing.T) {
	f := func(answer []byte, want string) {
		t.Helper()
		var asked bytes.Buffer
		err := join(&asked, bytes.NewReader(answer), []string{"a", "b"})
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", answer, err, want)
		}
		for i, name := range []string{"a", "b"} {
			f, err := readFrame(&asked)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := string(ws.UnmaskFrame(f).Payload), fmt.Sprintf(`{"type":"joinGroup","group":"%s","ackId":%d}`, name, i+1); got != want {
				t.Errorf("asked %s, want %s", got, want)
			}
		}
	}
	const ok = `{"type":"ack","ackId":1,"success":true}`
	f(frames(ok, ok), "")
	f(frames(`{"type":"system","event":"connected"}`, ok, `{"type":"presence"}`, ok), "")
	f(append(ws.MustCompileFrame(ws.NewPingFrame(nil)), frames(ok, ok)...), "")
	f(frames(ok), "waiting for the ack of joinGroup: EOF")
	f(frames(ok, `{"type":"ack","ackId":2,"success":false,"error":{"name":"Forbidden","message":"not you"}}`), "Forbidden: not you")
	f(frames(`nonsense`), "waiting for the ack")
	f(frames(strings.Repeat(" ", joinFrameLimit+1)), "a frame of 65537 bytes")
	f(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(1008, "go away"))), "1008 (go away)")
	f(frames(ok)[:9], "unexpected EOF")
}

// What the server says right after the handshake is neither lost nor read twice.
func TestDialKeepsWhatCameEarly(t *testing.T) {
	early := string(appendPayload(nil, Payload{Seq: 7}, payloadMin))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		accept := acceptKey(r.Header.Get("Sec-WebSocket-Key"))
		// Answer and first messages in one write: they arrive in one read.
		answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n"
		_, _ = rw.WriteString(answer + string(frames(early, early)))
		_ = rw.Flush()
		_, _ = io.Copy(io.Discard, conn)
	}))
	defer srv.Close()
	p := defaultPlan()
	p.URL, p.Run = "ws"+strings.TrimPrefix(srv.URL, "http")+"/"+groupMark, "1"
	c, err := dial(t.Context(), p, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.leave()
	got := c.in
	poll(t, "both messages are there", func() bool {
		b := make([]byte, 1000)
		if n, err := readSocket(c.fd, b); err == nil {
			got = append(got, b[:n]...)
		}
		return len(got) >= 2*len(frames(early))
	})
	if !bytes.Equal(got, frames(early, early)) {
		t.Errorf("%q, want the two messages", got)
	}
}

// acceptKey answers a handshake (RFC 6455, section 4.2.2), by asking the library to
// answer the same one.
func acceptKey(key string) string {
	var answer bytes.Buffer
	request := "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n\r\n"
	_, err := ws.Upgrade(struct {
		io.Reader
		io.Writer
	}{strings.NewReader(request), &answer})
	_, rest, ok := strings.Cut(answer.String(), "Sec-WebSocket-Accept: ")
	if err != nil || !ok {
		return ""
	}
	accept, _, _ := strings.Cut(rest, "\r\n")
	return accept
}

// A server without our protocol is not loaded with it.
func TestDialWantsTheProtocol(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, _, err := ws.UpgradeHTTP(r, w)
		if err == nil {
			_ = conn.Close()
		}
	}))
	defer srv.Close()
	p := defaultPlan()
	p.URL = "ws" + strings.TrimPrefix(srv.URL, "http")
	if _, err := dial(t.Context(), p, 0); err == nil || !strings.Contains(err.Error(), groupMark) {
		t.Errorf("%v, want an error that names %s", err, groupMark)
	}
}

// Refusals come with what to do about them.
func TestDialRefused(t *testing.T) {
	f := func(status int, want string) {
		t.Helper()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		defer srv.Close()
		p := defaultPlan()
		p.URL = "ws" + strings.TrimPrefix(srv.URL, "http")
		_, err := dial(t.Context(), p, 0)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v, want %q", status, err, want)
		}
	}
	f(401, "--token")
	f(403, "--token")
	f(404, "--url")
	f(429, "--connections")
	f(503, "--connections")
	f(500, "refused the handshake")
}

func TestRemedy(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		wrapped := &net.OpError{Op: "dial", Err: err}
		if got := remedy(wrapped); !errors.Is(got, err) || !strings.Contains(got.Error(), want) {
			t.Errorf("%v: %v, want %q", err, got, want)
		}
	}
	f(syscall.ECONNREFUSED, "is the gateway running")
	f(syscall.EMFILE, "ulimit -n")
	f(syscall.EADDRNOTAVAIL, "ip_local_port_range")
	f(syscall.EPIPE, "broken pipe")
}

// Beyond what one address has ports for, the next loopback address is used.
func TestSource(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	f := func(id int, want string) {
		t.Helper()
		conn, err := source(id).DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.LocalAddr().(*net.TCPAddr).IP.String(); got != want {
			t.Errorf("connection %d comes from %s, want %s", id, got, want)
		}
	}
	f(0, "127.0.0.1")
	f(perSource-1, "127.0.0.1")
	f(perSource, "127.0.0.2")
	f(5*perSource, "127.0.0.6")
	// 192.0.2.0/24 is for documentation (RFC 5737); nothing is sent to it.
	if _, err := source(perSource).DialContext(t.Context(), "tcp", "192.0.2.1:80"); err == nil || !strings.Contains(err.Error(), "second machine") {
		t.Errorf("%v: want to be told of a second machine", err)
	}
}
