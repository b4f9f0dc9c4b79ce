package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/pires/go-proxyproto"
)

// addresses are those of the connections that the log says were opened and closed.
func (g *gateway) addresses() (opened, closed []string) {
	for line := range strings.Lines(g.log.String()) {
		var l struct{ Msg, Address string }
		switch _ = json.Unmarshal([]byte(line), &l); l.Msg {
		case "connection opened":
			opened = append(opened, l.Address)
		case "connection closed":
			closed = append(closed, l.Address)
		}
	}
	return opened, closed
}

// saw waits until the log has connections of this address, opened and closed.
func (g *gateway) saw(address string) {
	g.t.Helper()
	eventually(g.t, "a connection of "+address+" was opened and closed", func() bool {
		opened, closed := g.addresses()
		return slices.Contains(opened, address) && slices.Contains(closed, address)
	})
}

// TestForwardedAddress: the address in the log is the client's, behind a proxy that is
// trusted, and the proxy's own behind another.
func TestForwardedAddress(t *testing.T) {
	visit := func(g *gateway, header http.Header) string {
		t.Helper()
		c, err := dial(t, "ws://"+g.public+"/client/hubs/chat", header, "json.webpubsub.azure.v1")
		if err != nil {
			t.Fatal(err)
		}
		defer c.conn.Close()
		return c.conn.LocalAddr().String()
	}
	debug := []string{"--set", "log.level=debug"}
	g := start(t, append(debug, "--set", "proxies.trusted=127.0.0.1,10.0.0.0/8")...)
	visit(g, http.Header{"X-Forwarded-For": {"6.6.6.6, 203.0.113.7, 10.0.0.1"}, "Forwarded": {"for=6.6.6.6"}})
	g.saw("203.0.113.7:0")
	visit(g, http.Header{"X-Forwarded-For": {"[2003::7]:4711"}})
	g.saw("[2003::7]:4711")
	g.saw(visit(g, http.Header{"X-Forwarded-For": {"6.6.6.6, unknown"}}))
	g.saw(visit(g, nil))

	g = start(t, append(debug, "--set", "proxies.trusted=127.0.0.1", "--set", "proxies.header=forwarded")...)
	visit(g, http.Header{"X-Forwarded-For": {"6.6.6.6"}, "Forwarded": {`for="[2003::7]";proto=https`}})
	g.saw("[2003::7]:0")

	g = start(t, append(debug, "--set", "proxies.trusted=10.0.0.0/8")...)
	g.saw(visit(g, http.Header{"X-Forwarded-For": {"6.6.6.6"}}))
	if opened, _ := g.addresses(); strings.Contains(strings.Join(opened, " "), "6.6.6.6") {
		t.Errorf("a stranger was believed: %v", opened)
	}
}

// handshake is the request of a WebSocket client, and a ping that comes with it.
func handshake(address string) string {
	ping := ws.MustCompileFrame(ws.MaskFrame(ws.NewPingFrame([]byte("early"))))
	return "GET /client/hubs/chat HTTP/1.1\r\nHost: " + address + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + string(ping)
}

// answered reads the response, and the pong if it was the handshake's.
func answered(t *testing.T, c net.Conn) int {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(c)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		return response.StatusCode
	}
	payload := make([]byte, len("early"))
	h, err := ws.ReadHeader(in)
	if err == nil {
		_, err = io.ReadFull(in, payload)
	}
	if err != nil || h.OpCode != ws.OpPong || string(payload) != "early" {
		t.Errorf("no pong: %+v, %v", h, err)
	}
	return response.StatusCode
}

// TestProxyProtocol: a connection comes from whom its header names; without one it is
// refused, a silent one after a while, and others are served meanwhile.
func TestProxyProtocol(t *testing.T) {
	g := start(t, "--set", "log.level=debug", "--set", "proxies.trusted=127.0.0.1", "--set", "proxies.protocol=true",
		"--set", "limits.handshake_timeout=1s", "--set", "limits.handshakes=1")
	knock := func(text string) net.Conn {
		t.Helper()
		c, err := net.DialTimeout("tcp", g.public, patience)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		return c
	}
	silent := knock("")
	for version, from := range map[byte]string{1: "203.0.113.7:4711", 2: "[2003::7]:4711"} {
		source, err := net.ResolveTCPAddr("tcp", from)
		if err != nil {
			t.Fatal(err)
		}
		header, err := proxyproto.HeaderProxyFromAddrs(version, source, source).Format()
		if err != nil {
			t.Fatal(err)
		}
		c := knock(string(header) + handshake(g.public))
		if got := answered(t, c); got != http.StatusSwitchingProtocols {
			t.Errorf("version %d: %d", version, got)
		}
		c.Close()
		g.saw(from)
	}
	if got := answered(t, knock(handshake(g.public))); got != http.StatusBadRequest {
		t.Errorf("without a header: %d", got)
	}
	_ = silent.SetDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, silent); err != nil {
		t.Errorf("who says nothing: %v", err)
	}
	for _, reason := range []string{"proxy_protocol", "handshake_timeout"} {
		if n := g.metric(`app_errors_total{reason="` + reason + `"}`); n != 1 {
			t.Errorf("%s: %v are counted, want 1", reason, n)
		}
	}
	eventually(t, "the log says what to do", func() bool { return strings.Contains(g.log.String(), "set proxies.protocol to false") })
}
