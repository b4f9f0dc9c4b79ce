package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestBadFrames: each kind of bad input gets its close code, and a client beside
// it notices nothing.
func TestBadFrames(t *testing.T) {
	g := start(t, "--set", "limits.message_bytes=1024")
	witness := g.connect("chat")
	witness.join("g")
	masked := func(op ws.OpCode, fin bool, payload string) []byte {
		var b bytes.Buffer
		f := ws.MaskFrame(ws.NewFrame(op, fin, []byte(payload)))
		if err := ws.WriteFrame(&b, f); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	f := func(what string, frame []byte, want ws.StatusCode) {
		t.Helper()
		c := g.connect("chat")
		if _, err := c.conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		if got := c.closedWith(); got != want {
			t.Errorf("%s: closed with %d, want %d", what, got, want)
		}
		witness.send(`{"type":"sendToGroup","group":"g","dataType":"text","data":%q}`, what)
		if m := witness.message("g"); string(m.Data) != fmt.Sprintf("%q", what) {
			t.Errorf("%s: the witness got %s", what, m.Data)
		}
	}
	f("oversized", masked(ws.OpText, true, strings.Repeat("x", 1025)), ws.StatusMessageTooBig)
	f("bad UTF-8", masked(ws.OpText, true, "{\"type\":\"ping\xff\"}"), ws.StatusInvalidFramePayloadData)
	f("unmasked", []byte{0x81, 0x01, 'x'}, ws.StatusProtocolError)
	f("reserved bit", []byte{0xc1, 0x80, 0, 0, 0, 0}, ws.StatusProtocolError)
	f("reserved opcode", []byte{0x83, 0x80, 0, 0, 0, 0}, ws.StatusProtocolError)
	f("binary", masked(ws.OpBinary, true, "{}"), ws.StatusUnsupportedData)
	f("not JSON", masked(ws.OpText, true, "hello"), ws.StatusInvalidFramePayloadData)
	f("no type", masked(ws.OpText, true, "{}"), ws.StatusInvalidFramePayloadData)
	f("unknown type", masked(ws.OpText, true, `{"type":"dance"}`), ws.StatusInvalidFramePayloadData)
	f("null data", masked(ws.OpText, true, `{"type":"sendToGroup","group":"g","data":null}`), ws.StatusInvalidFramePayloadData)
	f("two objects", masked(ws.OpText, true, `{"type":"ping"}{"type":"ping"}`), ws.StatusInvalidFramePayloadData)
}

// TestBadHandshakes: what is no WebSocket handshake gets an HTTP answer that says
// what to do.
func TestBadHandshakes(t *testing.T) {
	g := start(t)
	good := http.Header{
		"Upgrade": {"websocket"}, "Connection": {"keep-alive, Upgrade"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	f := func(path string, change func(http.Header), status int, text string) {
		t.Helper()
		h := good.Clone()
		change(h)
		got, body := g.do(http.MethodGet, g.public, path, h, "")
		if got != status || !strings.Contains(body, text) {
			t.Errorf("%s: got %d %q, want %d and %q", path, got, body, status, text)
		}
	}
	none := func(http.Header) {}
	set := func(name, value string) func(http.Header) { return func(h http.Header) { h[name] = []string{value} } }
	f("/client/hubs/chat", func(h http.Header) { clear(h) }, 426, "WebSocket")
	f("/client/hubs/chat", set("Upgrade", "h2c"), 426, "WebSocket")
	f("/client/hubs/chat", set("Sec-Websocket-Version", "8"), 426, "must be 13")
	f("/client/hubs/chat", set("Sec-Websocket-Key", "x"), 400, "16 bytes")
	f("/client/hubs/chat", set("Sec-Websocket-Key", strings.Repeat("!", 24)), 400, "16 bytes")
	f("/client/hubs/nowhere", none, 404, "unknown hub")
	f("/client/hubs/chat", set("Origin", "http://elsewhere.example"), 403, "origin")
	f("/ws/chat/.all/", none, 400, "group")
	f("/ws/chat/a/b/", none, 404, "")
	if got, _ := g.do(http.MethodPost, g.public, "/client/hubs/chat", good, ""); got != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d, want 405", got)
	}
}

// TestHalfHandshakes: a request that never ends is ended by the gateway, and one
// that comes with its first frames loses none of them.
func TestHalfHandshakes(t *testing.T) {
	g := start(t, "--set", "limits.handshake_timeout=1s", "--set", "echo=/echo")
	early := g.connect("chat")
	for _, half := range []string{"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: webso", "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"} {
		conn, in := raw(t, g.public, half)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if n, err := io.Copy(io.Discard, in); err != nil {
			t.Errorf("half a request: %d bytes, then %v; want the end", n, err)
		}
	}
	early.join("still served, long after the time for its handshake")
	request := "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	_, in := raw(t, g.public, request+"\x81\x81\x00\x00\x00\x00x")
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", response, err)
	}
	var echo [3]byte
	if _, err := io.ReadFull(in, echo[:]); err != nil || string(echo[:]) != "\x81\x01x" {
		t.Errorf("the frame that came with the request was answered with %q, %v", echo, err)
	}
	_, in = raw(t, g.public, "GET /echo HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 64<<10))
	if response, err := http.ReadResponse(in, nil); err != nil || response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("endless headers: %v, %v; want 431", response, err)
	}
}

// TestConnectionLimit: one too many is told to come back, and the others stay.
func TestConnectionLimit(t *testing.T) {
	g := start(t, "--set", "limits.connections=2")
	a, b := g.connect("chat"), g.connect("chat")
	header := http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	if status, body := g.do(http.MethodGet, g.public, "/client/hubs/chat", header, ""); status != 503 || !strings.Contains(body, "limits.connections") {
		t.Errorf("got %d %q", status, body)
	}
	for _, c := range []*client{a, b} {
		c.send(`{"type":"ping"}`)
		if f := c.next(); f.Type != "pong" {
			t.Errorf("got %+v", f)
		}
	}
	b.conn.Close()
	eventually(t, "a place is free again", func() bool {
		return g.metric("app_active_connections") == 1
	})
	g.connect("chat")
}

// TestSettings: a mistake in the settings is found before anything listens, and
// the message says the remedy; exit code 2 is wrong usage.
func TestSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tidegate.yaml")
	if err := os.WriteFile(file, []byte("wokers: 4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(code int, want string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		got := exitCode(run(t.Context(), context.Background(), args, nil, &out, &errs), &errs)
		if text := out.String() + errs.String(); got != code || !strings.Contains(text, want) {
			t.Errorf("%v: exit code %d, want %d; printed %s, want %q in it", args, got, code, text, want)
		}
	}
	f(0, "valid", "check")
	cert := newCertified(t, 1)
	f(0, "valid", append([]string{"check"}, cert.flags()...)...)
	cert.key = file
	f(2, "tls.key_file ("+file+")", append([]string{"check"}, cert.flags()...)...)
	cert.key = filepath.Join(t.TempDir(), "absent.pem")
	f(2, "setting tls.key_file: "+cert.key+": it cannot be opened: no such file", append([]string{"check"}, cert.flags()...)...)
	f(0, "group_expiry", "config")
	f(0, "dev", "--version")
	f(0, "gateway --broker redis://", "--help")
	f(2, "workers", "check", "--config", file)
	f(2, "workers", "serve", "--set", "worker=4")
	f(2, "workers", "--workers", "0")
	f(2, "KEY=VALUE", "--set", "workers")
	f(2, "unknown flag", "--nonsense")
	f(2, "unknown command", "dance")
	f(2, "loopback", "check", "--listen", "0.0.0.0:8000")
	f(2, "no such file", "check", "--config", filepath.Join(t.TempDir(), "absent.yaml"))
}

// TestPortTaken: the second gateway on a port says so and fails.
func TestPortTaken(t *testing.T) {
	g := start(t)
	var errs bytes.Buffer
	code := exitCode(run(t.Context(), context.Background(), []string{"--listen", g.public, "--operator", "127.0.0.1:0"}, nil, io.Discard, &errs), &errs)
	if code != exitFailed || !strings.Contains(errs.String(), "is another gateway running") {
		t.Errorf("exit code %d, printed %s", code, errs.String())
	}
}
