package main

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
)

// TestSilentClients: while many more than there are places for handshakes say nothing, or
// half of it, clients come in, over TCP, over TLS and behind a proxy, and those others are
// still there.
func TestSilentClients(t *testing.T) {
	const all = 40
	certificate := newCertified(t, 1)
	f := func(begun string, connect func(g *gateway), flags ...string) {
		t.Helper()
		g := start(t, append(flags, "--set", "limits.handshakes=1", "--set", "limits.handshake_timeout=5m")...)
		for i := range all {
			g.strange("127.0.0.2", begun[:i*len(begun)/all])
		}
		silent := func() bool { return g.metric("tidegate_handshake_silent") == all }
		eventually(t, "all of them are silent", silent)
		for range 5 {
			connect(g)
		}
		if !silent() || g.metric("tidegate_handshake_slow_total") != 0 {
			t.Errorf("%v are silent, %v have held a place", g.metric("tidegate_handshake_silent"), g.metric("tidegate_handshake_slow_total"))
		}
	}
	const request = "GET /client/hubs/chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
	plain := func(g *gateway) { g.connect("chat").join("g") }
	f(request, plain)
	f("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\r\n\n and more that is random", func(g *gateway) { g.connectTLS(certificate).join("g") }, certificate.flags()...)
	f("PROXY TCP4 192.0.2.7 192.0.2.8 4711 80\r\n"+request, func(g *gateway) {
		c := g.strange("127.0.0.2", "PROXY TCP4 192.0.2.7 192.0.2.8 4711 80\r\n"+handshake(g.public))
		if got := answered(t, c); got != http.StatusSwitchingProtocols {
			t.Errorf("behind a proxy: %d", got)
		}
	}, "--set", "proxies.trusted=127.0.0.2", "--set", "proxies.protocol=true")
}

// TestSlowHello: a client whose TLS comes a byte at a time gets in.
func TestSlowHello(t *testing.T) {
	certificate := newCertified(t, 1)
	g := start(t, certificate.flags("--set", "limits.handshakes=1")...)
	config := certificate.trust()
	config.ServerName = "127.0.0.1"
	c := tls.Client(dribble{g.strange("127.0.0.1", "")}, config)
	if _, err := io.WriteString(c, handshake(g.public)); err != nil {
		t.Fatal(err)
	}
	if got := answered(t, c); got != http.StatusSwitchingProtocols {
		t.Errorf("got %d", got)
	}
}

// dribble is a connection that sends one byte after the other.
type dribble struct{ net.Conn }

func (d dribble) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}
