package main

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestReadAnswer(t *testing.T) {
	f := func(b string, status int, retryAfter time.Duration, size int, fault bool) {
		t.Helper()
		a, n, err := readAnswer([]byte(b))
		if (err != nil) != fault || n != size || a.status != status || a.retryAfter != retryAfter {
			t.Errorf("%q: %+v, %d, %v", b, a, n, err)
		}
	}
	f("", 0, 0, 0, false)
	f("HTTP/1.1 101 Switching Protocols\r\nA: b\r\n", 0, 0, 0, false)
	f("HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\nrest", 101, 0, 42, false)
	f("HTTP/1.1 503 Busy\r\nretry-after: 3\r\n\r\n", 503, 3*time.Second, 37, false)
	f("HTTP/1.1 503 Busy\r\nRetry-After: tomorrow\r\n\r\n", 503, 0, 44, false)
	f("SSH-2.0-x\r\n\r\n", 0, 0, 0, true)
	f("HTTP/1.1 twelve\r\n\r\n", 0, 0, 0, true)
	f(strings.Repeat("x", joinFrameLimit+1), 0, 0, 0, true)
}

func TestJoined(t *testing.T) {
	f := func(b []byte, rest int, in, ping bool, fault string) {
		t.Helper()
		left, gotIn, gotPing, err := joined(b)
		if (fault == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), fault) {
			t.Errorf("%q: %v, want %q", b, err, fault)
		}
		if err == nil && (len(left) != rest || gotIn != in || gotPing != ping) {
			t.Errorf("%q: %d left, %v, %v", b, len(left), gotIn, gotPing)
		}
	}
	const connected, ok = `{"type":"system","event":"connected"}`, `{"type":"ack","ackId":1,"success":true}`
	f(nil, 0, false, false, "")
	f(frames(connected), 0, false, false, "")
	f(frames(connected, ok), 0, true, false, "")
	f(frames(connected, ok)[:50], 11, false, false, "")
	f(append(ws.MustCompileFrame(ws.NewPingFrame(nil)), frames(ok)...), 0, true, true, "")
	f(frames(`{"type":"ack","ackId":1,"success":false,"error":{"name":"Forbidden"}}`), 0, false, false, "Forbidden")
	f(ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(1013, "full"))), 0, false, false, "1013 (full)")
}

// The handshake is one that a strict server takes: gobwas' own upgrader judges.
func TestHandshake(t *testing.T) {
	c, far := socketPair(t)
	u, err := url.Parse("ws://127.0.0.1:8000/client/hubs/chat?x=1")
	if err != nil {
		t.Fatal(err)
	}
	if taken, err := c.write(handshake(u, "secret")); !taken || err != nil {
		t.Fatal(taken, err)
	}
	seen := map[string]string{}
	up := ws.Upgrader{
		Protocol:  func(p []byte) bool { return string(p) == "json.webpubsub.azure.v1" },
		OnRequest: func(uri []byte) error { seen["uri"] = string(uri); return nil },
		OnHeader:  func(key, value []byte) error { seen[string(key)] = string(value); return nil },
	}
	hs, err := up.Upgrade(far)
	if err != nil || hs.Protocol == "" || seen["uri"] != "/client/hubs/chat?x=1" || seen["Authorization"] != "Bearer secret" {
		t.Errorf("%v, %+v, %v", err, hs, seen)
	}
}

// Latencies belong to the phase in which their message was due, and phases may come
// again.
func TestPhases(t *testing.T) {
	p := newPhases(2)
	p.Record(5, time.Second) // before any
	p.Enter(0, 10)
	p.Enter(1, 20)
	p.Enter(0, 30)
	for due := range time.Duration(40) {
		p.Record(due, time.Millisecond)
	}
	if a, b := p.Quantiles(0).Count, p.Quantiles(1).Count; a != 20 || b != 10 {
		t.Errorf("%d and %d, want 20 and 10", a, b)
	}
}

func TestMemory(t *testing.T) {
	samples := []Sample{{At: 1, RSS: 5}, {At: 2, RSS: 7}, {At: 3, RSS: 99}, {At: 4, RSS: 8}}
	if got, want := memory(samples, 2), (Memory{7, 99, 8}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := memory(samples, 0), (Memory{5, 99, 8}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Guests share an address only as far as the kernel finds its ports at once, and no
// two waves do.
func TestWaveSource(t *testing.T) {
	f := func(host string, n, guest int, want string) {
		t.Helper()
		w := &Wave{number: n, to: netip.MustParseAddrPort(host)}
		if got := w.source(guest); got.IsValid() != (want != "") || got.IsValid() && got.String() != want {
			t.Errorf("guest %d of wave %d to %s comes from %v, want %q", guest, n, host, got, want)
		}
	}
	f("127.0.0.1:80", 0, 0, "127.1.0.1")
	f("127.0.0.1:80", 0, 1999, "127.1.0.1")
	f("127.0.0.1:80", 0, 2000, "127.1.0.2")
	f("127.0.0.1:80", 3, 17_999, "127.1.3.9")
	f("10.0.0.1:80", 3, 17_999, "")
	f("[::1]:80", 3, 17_999, "")
}

// Two small waves at the real gateway, with so few handshakes at a time that some
// may have to come again: everybody gets in, and the members lose nothing.
func TestBinaryStorm(t *testing.T) {
	t.Parallel()
	var s Storm
	scene(t, exitDone, &s, "storm", "--connections", "20", "--groups", "4", "--rate", "50", "--storm", "200", "--waves", "2",
		"--rest", "500ms", "--gateway-flag=--set=limits.handshakes=4")
	if len(s.Waves) != 2 || s.Deliveries.Delivered == 0 || s.Quiet.Count == 0 || s.After.Count == 0 {
		t.Fatalf("%+v", s)
	}
	for _, w := range s.Waves {
		if w.Connections != 200 || w.GaveUp != 0 || w.Entry.Count < 200 {
			t.Errorf("%+v, want 200 in", w)
		}
	}
}

// Guests who do not get in make the storm fail: the gateway has no room for them.
func TestBinaryStormFull(t *testing.T) {
	t.Parallel()
	var s Storm
	stdout := scene(t, exitFailed, &s, "storm", "--connections", "10", "--groups", "2", "--rate", "50", "--storm", "40", "--waves", "1",
		"--rest", "500ms", "--patience", "3s", "--quiet", "--gateway-flag=--set=limits.connections=30")
	if w := s.Waves[0]; w.GaveUp == 0 || w.Connections+w.GaveUp != 40 || w.Refused < w.GaveUp {
		t.Errorf("%+v, want some of 40 in and the others refused", w)
	}
	if !strings.Contains(stdout, "of 40 were not in") {
		t.Errorf("the verdict does not say so:\n%s", stdout)
	}
}
