package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// strange connects from another address of this machine, and says what it is told.
func (g *gateway) strange(from, text string) net.Conn {
	g.t.Helper()
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", g.public)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		g.t.Fatal(err)
	}
	return c
}

// refusedWith is the status that a WebSocket client got instead of 101, and 101 if it came
// in.
func (g *gateway) refusedWith(header http.Header) (*client, int) {
	g.t.Helper()
	c, err := dial(g.t, "ws://"+g.public+"/client/hubs/chat", header, "json.webpubsub.azure.v1")
	var status ws.StatusError
	if err != nil && !errors.As(err, &status) {
		g.t.Fatal(err)
	}
	if err != nil {
		return nil, int(status)
	}
	return c, http.StatusSwitchingProtocols
}

// TestConnectionsPerAddress: one address has as many connections as the setting allows, at
// once and one after the other; another one has its own; and what is closed is free again.
func TestConnectionsPerAddress(t *testing.T) {
	g := start(t, "--set", "limits.connections_per_address=2")
	var all sync.WaitGroup
	var mu sync.Mutex
	got := map[int]int{}
	var in *client
	for range 20 {
		all.Go(func() {
			c, status := g.refusedWith(nil)
			mu.Lock()
			defer mu.Unlock()
			if got[status]++; c != nil {
				in = c
			}
		})
	}
	all.Wait()
	if got[http.StatusSwitchingProtocols] != 2 || got[http.StatusTooManyRequests] != 18 {
		t.Fatalf("the answers were %v", got)
	}
	if n := g.metric(`app_errors_total{reason="address_limit"}`); n != 18 {
		t.Errorf("%v are counted, want 18", n)
	}
	if got := answered(t, g.strange("127.0.0.2", handshake(g.public))); got != http.StatusSwitchingProtocols {
		t.Errorf("from another address: %d", got)
	}
	for range 3 {
		in.conn.Close()
		eventually(t, "there is room again", func() bool {
			c, status := g.refusedWith(nil)
			in = c
			return status == http.StatusSwitchingProtocols
		})
	}
}

// TestConnectionsPerClient: behind a proxy it is the client's address that counts, of IPv6
// its network, and a handshake that fails gives back what it took.
func TestConnectionsPerClient(t *testing.T) {
	g := start(t, "--set", "limits.connections_per_address=1", "--set", "proxies.trusted=127.0.0.1")
	come := func(client string, want int) *client {
		t.Helper()
		c, got := g.refusedWith(http.Header{"X-Forwarded-For": {client}})
		if got != want {
			t.Errorf("%s: %d, want %d", client, got, want)
		}
		return c
	}
	const in, full = http.StatusSwitchingProtocols, http.StatusTooManyRequests
	one := come("2001:db8:0:1::7", in)
	come("2001:db8:0:1:ffff::8", full)
	come("2001:db8:0:2::7", in)
	come("192.0.2.7", in)
	come("::ffff:192.0.2.7", full)
	one.conn.Close()
	eventually(t, "there is room again", func() bool {
		c, _ := g.refusedWith(http.Header{"X-Forwarded-For": {"2001:db8:0:1::9"}})
		return c != nil
	})
}

// TestConnectionsPerUser: a user has as many connections in a hub as the setting allows,
// others have their own, and who has no name is not counted. A refused handshake gives
// back what its address had taken.
func TestConnectionsPerUser(t *testing.T) {
	g := start(t, "--set", "keys="+accessKey, "--set", "limits.connections_per_user=1", "--set", "limits.connections_per_address=5")
	come := func(user string, want int) *client {
		t.Helper()
		c, got := g.refusedWith(http.Header{"Authorization": {"Bearer " + tokenOf(t, user, time.Now())}})
		if got != want {
			t.Errorf("%q: %d, want %d", user, got, want)
		}
		return c
	}
	const in, full = http.StatusSwitchingProtocols, http.StatusTooManyRequests
	one := come("ann", in)
	for range 10 {
		come("ann", full)
	}
	come("bob", in)
	come("", in)
	come("", in)
	if n := g.metric(`app_errors_total{reason="user_limit"}`); n != 10 {
		t.Errorf("%v are counted, want 10", n)
	}
	one.conn.Close()
	eventually(t, "there is room again", func() bool {
		c, _ := g.refusedWith(http.Header{"Authorization": {"Bearer " + tokenOf(t, "ann", time.Now())}})
		return c != nil
	})
}
