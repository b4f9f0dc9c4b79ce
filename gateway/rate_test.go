package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// unlimited has a gateway take whatever a test sends, however fast.
var unlimited = []string{"--set", "limits.messages_per_second=0", "--set", "limits.bytes_per_second=0"}

// fivefold is a gateway that takes five messages a second.
func fivefold(t *testing.T, args ...string) *gateway {
	return start(t, append(args, "--set", "limits.messages_per_second=5")...)
}

// inOnePiece is text frames that go out, and so are read, in one piece: what is within the
// rate does not depend on how busy the machine is.
func inOnePiece(texts ...string) []byte {
	var b bytes.Buffer
	for _, text := range texts {
		b.Write(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(text)))))
	}
	return b.Bytes()
}

// write writes bytes in one piece.
func (c *client) write(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatalf("writing: %v", err)
	}
}

// said is requests to send numbers to group g, with these numbers as ackIds.
func said(from, to int) (all []string) {
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprintf(`{"type":"sendToGroup","group":"g","data":%d,"ackId":%d,"noEcho":true}`, i, i))
	}
	return all
}

// allAcks reads so many acks, of each of which there must be one.
func (c *client) allAcks(n int) map[uint64]frame {
	c.t.Helper()
	all := make(map[uint64]frame)
	for range n {
		f := c.next()
		if _, twice := all[f.AckID]; twice || f.Type != "ack" {
			c.t.Fatalf("got %+v, want an ack that has not come", f)
		}
		all[f.AckID] = f
	}
	return all
}

// TestMessageRate: what is beyond the rate is not taken, and its ack says so; the ackId may
// be used again, and what was taken keeps its order.
func TestMessageRate(t *testing.T) {
	g := fivefold(t)
	member, c := g.connect("chat"), g.connect("chat")
	member.join("g")
	joins := []string{`{"type":"joinGroup","group":"h","ackId":11}`, `{"type":"leaveGroup","group":"h","ackId":12}`,
		`{"type":"event","event":"e","data":1,"ackId":13}`, `{"type":"sendToGroup","group":"g","data":14}`, `{"type":"ping"}`, said(1, 1)[0]}
	c.write(inOnePiece(append(said(1, 10), joins...)...))
	for id, f := range c.allAcks(13) { // and none for what has no ackId, and one for what was said twice
		switch {
		case id <= 5 && (!f.Success || f.Position == ""):
			t.Errorf("message %d: %+v, want an ack", id, f)
		case id > 5 && (f.Success || f.Error.Name != "TooManyRequests" || !strings.Contains(f.Error.Message, "limits.messages_per_second allows this connection 5; send it again later")):
			t.Errorf("request %d: %+v, want TooManyRequests", id, f)
		}
	}
	if n := g.metric(`app_errors_total{reason="rate_limit"}`); n != 11 {
		t.Errorf("%g requests were counted as beyond the rate, want 11", n)
	}
	if n := g.metric("tidegate_rate_exceeded_total"); n != 11 {
		t.Errorf("%g frames were counted as beyond the rate, want 11", n)
	}
	for again := (frame{}); !again.Success; { // each try counts, and there is time for more than one
		time.Sleep(500 * time.Millisecond)
		c.write(inOnePiece(said(6, 6)...))
		if again = c.ack(6); !again.Success && again.Error.Name != "TooManyRequests" {
			t.Fatalf("again: %+v", again)
		}
	}
	for want := 1; want <= 6; want++ {
		if got := member.message("g").number(t); got != want {
			t.Fatalf("the member got %d, want %d", got, want)
		}
	}
}

// TestRateGoesOn: who goes on beyond the rate is closed, and nothing of it was taken; a
// neighbour notices nothing. Control frames count.
func TestRateGoesOn(t *testing.T) {
	g := fivefold(t)
	member := g.connect("chat")
	member.join("g")
	f := func(frames []byte) {
		t.Helper()
		c := g.connect("chat")
		c.write(frames)
		if code := c.closedWith(); code != ws.StatusPolicyViolation {
			t.Errorf("closed with %d, want 1008", code)
		}
		c.conn.Close()
	}
	f(inOnePiece(said(1, 60)...))
	f(bytes.Repeat(ws.MustCompileFrame(ws.MaskFrame(ws.NewPingFrame(nil))), 60))
	g.connect("chat").say1("g", 7)
	for want := range []int{1, 2, 3, 4, 5, 7} {
		if got := member.message("g").number(t); got != []int{1, 2, 3, 4, 5, 7}[want] {
			t.Errorf("the member got %d", got)
		}
	}
	eventually(t, "both are counted", func() bool { return g.metric(`tidegate_closes_total{reason="rate_limit"}`) == 2 })
}

// TestRateWithoutAcks: clients that could not be told are closed at once.
func TestRateWithoutAcks(t *testing.T) {
	g := fivefold(t, "--set", "echo=/echo")
	member := g.connect("chat")
	member.join("lobby")
	for path, answers := range map[string]int{"/ws/chat/lobby/": 0, "/echo": 5} { // messages to the group come after the close
		c := g.simple(path)
		c.write(inOnePiece("1", "2", "3", "4", "5", "6"))
		for range answers {
			c.text()
		}
		if code := c.closedWith(); code != ws.StatusPolicyViolation {
			t.Errorf("%s: closed with %d, want 1008", path, code)
		}
		c.conn.Close()
	}
	for want := 1; want <= 5; want++ {
		if got := string(member.message("lobby").Data); got != fmt.Sprintf(`"%d"`, want) {
			t.Errorf("the member got %s, want %d", got, want)
		}
	}
	if n := g.metric(`app_errors_total{reason="rate_limit"}`); n != 2 {
		t.Errorf("%g were counted, want 2", n)
	}
	eventually(t, "both are counted", func() bool { return g.metric(`tidegate_closes_total{reason="rate_limit"}`) == 2 })
}

// TestByteRate: bytes are counted like messages, and a message of all that a second may
// have is taken.
func TestByteRate(t *testing.T) {
	g := start(t, "--set", "limits.bytes_per_second=2KiB", "--set", "limits.message_bytes=2KiB", "--set", "echo=/echo")
	c := g.simple("/echo")
	c.write(inOnePiece(strings.Repeat("x", 2048)))
	if got := c.text(); len(got) != 2048 {
		t.Errorf("got %d bytes", len(got))
	}
	d := g.simple("/echo")
	d.write(inOnePiece(strings.Repeat("x", 1025), strings.Repeat("y", 1025)))
	d.text()
	if _, _, err := d.read(); err == nil || !strings.Contains(err.Error(), "limits.bytes_per_second allows this connection 2048") {
		t.Errorf("got %v", err)
	}
}

// TestRateOfReliable: sequenceAcks count, and are taken all the same: they give back what
// is held. So it is while a session is being recovered, when the rest is refused at once;
// here from a node that cannot be asked for it before Redis takes writes again.
func TestRateOfReliable(t *testing.T) {
	redis := brokertest.StartRedis(t)
	g, other := fivefold(t, "--broker", redis.URL()), fivefold(t, "--broker", redis.URL())
	c := g.reliable("chat")
	c.join("g")
	g.connect("chat").say1("g", 0)
	c.hear(0)
	beyond := append(slices.Repeat([]string{`{"type":"ping"}`}, 6), fmt.Sprintf(`{"type":"sequenceAck","sequenceId":%d}`, c.last))
	if g.metric("tidegate_unacked_runs") == 0 {
		t.Fatal("nothing is unacked: the test shows nothing")
	}
	c.write(inOnePiece(beyond...))
	eventually(t, "it is acked", func() bool { return g.metric("tidegate_unacked_runs") == 0 })
	g.connect("chat").say1("g", 1)
	for len(c.got) < 2 { // a pong may come before it
		if f, n := c.numbered(); n > 0 {
			c.got = append(c.got, f.number(t))
		}
	}
	eventually(t, "the session can be looked for", func() bool {
		return strings.TrimSpace(redis.CLI("EXISTS", "tg/session/"+c.id)) == "1"
	})
	redis.CLI("CLIENT", "PAUSE", "60000", "WRITE")

	request := "GET /client/hubs/chat" + recovery(c.id, c.token) + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: json.reliable.webpubsub.azure.v1\r\n\r\n"
	early := inOnePiece(append(said(11, 17), fmt.Sprintf(`{"type":"sequenceAck","sequenceId":%d}`, c.last))...)
	conn, in := raw(t, other.public, request+string(early))
	if response, err := http.ReadResponse(in, nil); err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", response, err)
	}
	back := &client{t: t, conn: conn, in: struct {
		io.Reader
		io.Writer
	}{in, conn}}
	connected, got := false, map[uint64]string{}
	for len(got) < 7 {
		f := back.next()
		connected = connected || f.Event == "connected"
		if f.Type == "ack" {
			got[f.AckID] = f.Error.Name
			if early := f.AckID > 15; early == connected {
				t.Errorf("the ack of %d: the session was recovered: %t", f.AckID, connected)
			}
			if f.AckID == 17 {
				redis.CLI("CLIENT", "UNPAUSE")
			}
		}
	}
	for id := uint64(11); id <= 17; id++ {
		if want := map[bool]string{true: "TooManyRequests"}[id > 15]; got[id] != want {
			t.Errorf("request %d got %q, want %q", id, got[id], want)
		}
	}
	eventually(t, "the message before is acked", func() bool { return other.metric("tidegate_unacked_runs") == 0 })
}

// TestRateEndsSession: a reliable client that goes on beyond the rate does not go on with
// its session on the next connection.
func TestRateEndsSession(t *testing.T) {
	g := fivefold(t)
	c := g.reliable("chat")
	c.write(inOnePiece(slices.Repeat([]string{`{"type":"ping"}`}, 60)...))
	if code := c.closedWith(); code != ws.StatusPolicyViolation {
		t.Errorf("closed with %d, want 1008", code)
	}
	c.conn.Close()
	eventually(t, "it is counted", func() bool { return g.metric(`tidegate_closes_total{reason="rate_limit"}`) == 1 })
	again, err := dial(t, "ws://"+g.public+"/client/hubs/chat"+recovery(c.id, c.token), nil, "json.reliable.webpubsub.azure.v1")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := again.read(); closeCode(err) != ws.StatusPolicyViolation || !strings.Contains(err.Error(), "connect anew") {
		t.Errorf("the session: %v, want 1008", err)
	}
}
