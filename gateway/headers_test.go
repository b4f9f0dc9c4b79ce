package main

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// TestHeaders: whatever is asked for, no answer is one that a browser may guess at, frame,
// keep, or tell others the address of, and none says what the server is. What is refused
// before it is a request has at least no name of a server in it.
func TestHeaders(t *testing.T) {
	g := start(t)
	keyed := start(t, "--set", "keys="+accessKey, "--set", "demo=false")
	f := func(address, request, headers string, want int) *http.Response {
		t.Helper()
		conn, in := raw(t, address, request+" HTTP/1.1\r\nConnection: close\r\n"+headers+"\r\n")
		defer conn.Close()
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d", request, r.StatusCode, want)
		}
		for _, name := range []string{"Server", "X-Powered-By", "Access-Control-Allow-Origin", "Set-Cookie"} {
			if value := r.Header.Values(name); value != nil {
				t.Errorf("%s: %s is %q", request, name, value)
			}
		}
		return r
	}
	safe := func(address, request, headers string, want int) {
		t.Helper()
		h := f(address, request, headers, want).Header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
			!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
			!strings.HasPrefix(h.Get("Cache-Control"), "no-") {
			t.Errorf("%s: %v", request, h)
		}
	}
	const host = "Host: localhost\r\n"
	for path, want := range map[string]int{"/": 200, "/page.js": 404, "/index.html": 404, "/client/hubs/chat": 426, "/ws/chat/a/": 426, "/ws/chat": 404, "/healthz": 200, "/readyz": 200, "/metrics": 404, "/debug/pprof/": 404, "/api/hubs/chat/:send": 404} {
		safe(g.public, "GET "+path, host, want)
	}
	safe(g.public, "POST /", host, 405)
	safe(keyed.public, "POST /healthz", host, 405)
	safe(g.public, "GET /", "Host: attacker.example\r\n", 403)
	safe(g.public, "GET /client//hubs/chat", host, 307)
	safe(keyed.public, "GET /", host, 404)
	const shake = host + "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	safe(keyed.public, "GET /client/hubs/chat", shake, 401)
	safe(keyed.public, "GET /client/hubs/chat?access_token=x", shake, 401)
	safe(keyed.public, "GET /client/hubs/game", shake, 404)
	safe(keyed.public, "GET /client/hubs/chat", shake+"Origin: http://a.example\r\n", 403)
	for path, want := range map[string]int{"/": 404, "/metrics": 200, "/healthz": 200, "/debug/pprof/": 200, "/debug/pprof/cmdline": 404, "/api/hubs/chat/groups/a/connections": 401} {
		safe(keyed.operator, "GET "+path, host, want)
	}
	safe(keyed.operator, "POST /api/hubs/chat/:send", host+"Content-Length: 0\r\n", 401)
	safe(g.operator, "POST /api/hubs/chat/:send", host+"Content-Type: text/plain\r\nContent-Length: 0\r\n", 202)

	f(g.public, "GET /", "Host: a\r\nHost: b\r\n", 400)
	f(g.public, "GET /", host+"X: "+strings.Repeat("x", 30<<10)+"\r\n", 431)
	conn, in := raw(t, g.public, "GET /client/hubs/chat HTTP/1.1\r\n"+shake+"\r\n")
	defer conn.Close()
	made, err := http.ReadResponse(bufio.NewReader(in), nil)
	if err != nil || made.StatusCode != 101 || len(made.Header) != 3 {
		t.Errorf("a handshake is answered with %v, %v", made, err)
	}
}
