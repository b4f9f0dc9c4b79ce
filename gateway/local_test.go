package main

import (
	"bufio"
	"net/http"
	"testing"
)

// TestLocal: without a key a page in a browser of the same machine gets nowhere, neither
// under a name of its own that leads here nor by posting; with one the key decides.
func TestLocal(t *testing.T) {
	g := start(t)
	status := func(g *gateway, address, request, headers string) int {
		t.Helper()
		conn, _ := raw(t, address, request+" HTTP/1.1\r\nConnection: close\r\n"+headers+"\r\n")
		defer conn.Close()
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	const (
		socket = "GET /client/hubs/chat"
		post   = "POST /api/hubs/chat/:send"
		text   = "Content-Type: text/plain\r\nContent-Length: 0\r\n"
	)
	for host, want := range map[string]int{
		"127.0.0.1:8000": 426, "localhost": 426, "LOCALHOST.:1": 426, "a.localhost:8000": 426, "[::1]:8000": 426, "[::1]": 426, "127.8.9.1": 426,
		"attacker.example": 403, "attacker.example:8000": 403, "localhost.attacker.example": 403, "192.0.2.7:8000": 403, "notlocalhost": 403, "": 403,
	} {
		if got := status(g, g.public, socket, "Host: "+host+"\r\n"); got != want {
			t.Errorf("a client under the name %q: %d, want %d", host, got, want)
		}
	}
	f := func(request, headers string, want int) {
		t.Helper()
		if got := status(g, g.operator, request, headers); got != want {
			t.Errorf("%s with %q: %d, want %d", request, headers, got, want)
		}
	}
	f(post, "Host: localhost\r\n"+text, 202)
	f(post, "Host: attacker.example\r\n"+text, 403)
	f(post, "Host: localhost\r\nOrigin: http://attacker.example\r\n"+text, 403)
	f(post, "Host: localhost\r\nOrigin: null\r\n"+text, 403)
	f("GET /debug/pprof/", "Host: attacker.example\r\n", 403)
	for _, open := range []string{"/healthz", "/readyz", "/metrics"} {
		f("GET "+open, "Host: gateway-1:9000\r\n", 200)
	}
	if hosts, origins := g.metric(`app_errors_total{reason="host"}`), g.metric(`app_errors_total{reason="origin"}`); hosts != 8 || origins != 2 {
		t.Errorf("counted: %v names and %v origins, want 8 and 2", hosts, origins)
	}
	keyed := start(t, "--set", "keys="+accessKey)
	if got := status(keyed, keyed.public, socket, "Host: chat.example\r\n"); got != 426 {
		t.Errorf("a client of a gateway with a key: %d", got)
	}
	if got := status(keyed, keyed.operator, post, "Host: gateway-1\r\nAuthorization: Bearer "+accessKey+"\r\n"+text); got != 202 {
		t.Errorf("an application with a key: %d", got)
	}
}
