package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
	"github.com/tidegate/tidegate/broker/brokertest"
	"github.com/tidegate/tidegate/gateway/auth"
)

// TestGroupsOfNode: when as many groups are open as may be, further ones are not opened for
// anybody, those that are open are joined by everybody, and one that is left makes room.
func TestGroupsOfNode(t *testing.T) {
	g := start(t, "--set", "limits.groups=2", "--set", "keys="+accessKey, "--set", "auth.anonymous=/ws/chat/{group}/", "--set", "auth.anonymous_roles=webpubsub.joinLeaveGroup")
	c := g.connect("chat?access_token=" + tokenFor(t, time.Hour))
	c.join("a")
	c.send(`{"type":"joinGroup","group":"b","ackId":2}`)
	c.ack(2)
	c.send(`{"type":"joinGroup","group":"third","ackId":3}`)
	if f := c.ack(3); f.Success || f.Error.Name != "InternalServerError" || !strings.Contains(f.Error.Message, "limits.groups") {
		t.Errorf("join: %+v", f)
	}
	simple := g.simple("/ws/chat/fourth/")
	if _, _, err := simple.read(); closeCode(err) != 1013 || !strings.Contains(err.Error(), "limits.groups") {
		t.Errorf("a simple client: %v", err)
	}
	simple.conn.Close()
	token, err := auth.Sign(accessKey, auth.Claims{Hub: "chat", Groups: []string{"a", "fifth"}, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	d := g.connect("chat?access_token=" + token)
	if code := d.closedWith(); code != 1013 {
		t.Errorf("a token's group: closed with %d", code)
	}
	d.conn.Close()
	if n := g.metric(`app_errors_total{reason="node_group_limit"}`); n != 3 {
		t.Errorf("%g were counted, want 3", n)
	}
	eventually(t, "both closes are counted", func() bool { return g.metric(`tidegate_closes_total{reason="join_failed"}`) == 2 })
	g.connect("chat?access_token=" + tokenFor(t, time.Hour)).join("b")
	if n := g.metric("tidegate_groups"); n != 3 { // a, b, and everyone in chat
		t.Errorf("%g groups are open", n)
	}
	c.send(`{"type":"leaveGroup","group":"a","ackId":4}`)
	c.ack(4)
	for f := (frame{}); !f.Success; f = c.ack(3) { // it stays open for some seconds, and the ackId is free
		time.Sleep(100 * time.Millisecond)
		c.send(`{"type":"joinGroup","group":"third","ackId":3}`)
	}
}

// TestIdleTimeout: on both listeners a connection that asks nothing further is closed.
func TestIdleTimeout(t *testing.T) {
	g := start(t, "--set", "limits.idle_timeout=1s")
	for _, address := range []string{g.public, g.operator} {
		_, in := raw(t, address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		response, err := http.ReadResponse(in, nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", response, err)
		}
		if n, err := io.Copy(io.Discard, in); err != nil {
			t.Errorf("%d bytes, then %v; want the end", n, err)
		}
	}
}

// TestHeaderBytes: a header up to the limit is read, and one beyond it is answered 431.
func TestHeaderBytes(t *testing.T) {
	g := start(t, "--set", "limits.header_bytes=64KiB")
	for size, want := range map[int]int{48 << 10: 200, 96 << 10: 431} {
		_, in := raw(t, g.public, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", size)+"\r\n\r\n")
		if response, err := http.ReadResponse(in, nil); err != nil || response.StatusCode != want {
			t.Errorf("a header of %d bytes: %v, %v; want %d", size, response, err, want)
		}
	}
	if n := g.metric(`app_errors_total{reason="header_limit"}`); n != 1 {
		t.Errorf("%g were counted, want 1", n)
	}
}

// TestNoRequest: what net/http refuses by itself is counted, and holds no place while
// net/http lingers for the sake of its answer.
func TestNoRequest(t *testing.T) {
	g := start(t, "--set", "limits.handshakes=1", "--set", "limits.header_bytes=1KiB")
	const each = 10
	for range each {
		for _, said := range []string{"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 8<<10) + "\r\n\r\n", "what\r\n\r\n", "GET / HTTP/3.0\r\n\r\n"} {
			_, in := raw(t, g.public, said)
			if response, err := http.ReadResponse(in, nil); err != nil || response.StatusCode < 400 {
				t.Errorf("%.10s: %v, %v", said, response, err)
			}
		}
	}
	for reason, want := range map[string]float64{"header_limit": each, "not_http": 2 * each} {
		if n := g.metric(`app_errors_total{reason="` + reason + `"}`); n != want {
			t.Errorf("%s: %g were counted, want %g", reason, n, want)
		}
	}
	if n := g.metric("tidegate_handshake_slow_total"); n >= each {
		t.Errorf("%g have held their place to the end of net/http's patience", n)
	}
}

// TestHandshakeTimeout: who says nothing, or half of a header, is closed when its time is
// over, and counted; who has asked something before is not, and neither is who went by
// itself or came through.
func TestHandshakeTimeout(t *testing.T) {
	g := start(t, "--set", "limits.handshake_timeout=1s", "--set", "limits.idle_timeout=1s")
	c := g.connect("chat")
	gone, _ := raw(t, g.public, "GET / HT")
	gone.Close()
	var all []io.Reader
	for _, said := range []string{"", "GET /client/hubs/chat HTTP/1.1\r\nHost: loc", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
		for _, address := range []string{g.public, g.operator} {
			_, in := raw(t, address, said)
			all = append(all, in)
		}
	}
	for i, in := range all {
		if n, err := io.Copy(io.Discard, in); err != nil {
			t.Errorf("connection %d: %d bytes, then %v; want the end", i, n, err)
		}
	}
	c.join("g")
	if n := g.metric(`app_errors_total{reason="handshake_timeout"}`); n != 4 {
		t.Errorf("%g were counted, want 4", n)
	}
}

// TestBodyBytes: a body beyond the limit is answered 413 and counted.
func TestBodyBytes(t *testing.T) {
	g := start(t, "--set", "limits.body_bytes=1KiB")
	for size, want := range map[int]int{1024: 202, 1025: 413} {
		got, body := g.do(http.MethodPost, g.operator, "/api/hubs/chat/:send", http.Header{"Content-Type": {"text/plain"}}, strings.Repeat("x", size))
		if got != want {
			t.Errorf("a body of %d bytes: %d %s, want %d", size, got, body, want)
		}
	}
	if n := g.metric(`app_errors_total{reason="body_limit"}`); n != 1 {
		t.Errorf("%g were counted, want 1", n)
	}
}

// TestMessageLimits: what a message may have, also as it is inflated to, and how the
// close is counted.
func TestMessageLimits(t *testing.T) {
	g := start(t, "--set", "limits.message_bytes=1KiB", "--set", "limits.message_fragments=3", "--set", "compression.enabled=true")
	f := func(c *client, frames []byte, code ws.StatusCode, reason string, count float64) {
		t.Helper()
		c.write(frames)
		if got := c.closedWith(); got != code {
			t.Errorf("closed with %d, want %d", got, code)
		}
		c.conn.Close()
		eventually(t, "it is counted as "+reason, func() bool { return g.metric(`tidegate_closes_total{reason="`+reason+`"}`) == count })
	}
	f(g.connect("chat"), inOnePiece(strings.Repeat("x", 1025)), ws.StatusMessageTooBig, "too_big", 1)
	packed, agreed := g.offering("permessage-deflate; client_no_context_takeover")
	if agreed == "" {
		t.Fatal("compression was not agreed to")
	}
	bomb, err := wsflate.CompressFrame(ws.NewTextFrame([]byte(strings.Repeat("x", 1025))))
	if err != nil || bomb.Header.Length > 100 {
		t.Fatalf("%+v, %v", bomb.Header, err)
	}
	f(packed, ws.MustCompileFrame(ws.MaskFrame(bomb)), ws.StatusMessageTooBig, "too_big", 2)
	var many bytes.Buffer
	for i := range 4 {
		many.Write(ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(map[bool]ws.OpCode{true: ws.OpText}[i == 0], false, []byte("x")))))
	}
	f(g.connect("chat"), many.Bytes(), ws.StatusPolicyViolation, "too_many_fragments", 1)
}

// TestGroupLimits: a name that is too long, and one group too many.
func TestGroupLimits(t *testing.T) {
	g := start(t, "--set", "limits.group_name_bytes=4", "--set", "limits.groups_per_connection=1")
	c := g.connect("chat")
	c.join("four")
	f := func(request, name, reason string, count float64) {
		t.Helper()
		c.send("%s", request)
		if f := c.ack(9); f.Success || f.Error.Name != name {
			t.Errorf("%s: %+v, want %s", request, f, name)
		}
		if n := g.metric(`app_errors_total{reason="` + reason + `"}`); n != count {
			t.Errorf("%s: %g were counted as %s, want %g", request, n, reason, count)
		}
	}
	f(`{"type":"joinGroup","group":"fives","ackId":9}`, "BadRequest", "bad_request", 1)
	f(`{"type":"sendToGroup","group":"fives","data":1,"ackId":9}`, "BadRequest", "bad_request", 2)
	f(`{"type":"joinGroup","group":"more","ackId":9}`, "Forbidden", "group_limit", 1)
	if _, err := dial(t, "ws://"+g.public+"/ws/chat/fives/", nil); !errors.Is(err, ws.StatusError(http.StatusBadRequest)) {
		t.Errorf("a simple client: %v, want 400", err)
	}
}

// TestHeartbeatTimeout: a client that does not answer pings is closed.
func TestHeartbeatTimeout(t *testing.T) {
	g := start(t, "--set", "heartbeat.interval=100ms", "--set", "heartbeat.timeout=400ms")
	c := g.connect("chat")
	var closed error
	for closed == nil {
		f, err := readFrame(c.in)
		if closed = err; f.Header.OpCode == ws.OpClose {
			code, why := ws.ParseCloseFrameData(f.Payload)
			closed = wsutil.ClosedError{Code: code, Reason: why}
		}
	}
	if closeCode(closed) != ws.StatusPolicyViolation {
		t.Errorf("the silent client got %v, want 1008", closed)
	}
	c.conn.Close()
	eventually(t, "it is counted", func() bool { return g.metric(`tidegate_closes_total{reason="heartbeat_timeout"}`) == 1 })
}

// TestPublishQueue: while Redis is slow no more than the queue holds waits for it, by
// number or by size; its publisher is told, and what was acked is in the stream.
func TestPublishQueue(t *testing.T) {
	redis := brokertest.StartRedis(t)
	f := func(group string, settings ...string) {
		t.Helper()
		g := start(t, append(settings, "--broker", redis.URL(), "--set", "publish.timeout=20s")...)
		c := g.connect("chat")
		c.join(group)
		redis.CLI("CLIENT", "PAUSE", "15000", "WRITE")
		const all = 20
		for i := range all {
			c.send(`{"type":"sendToGroup","group":%q,"dataType":"text","data":%q,"ackId":%d,"noEcho":true}`, group, strings.Repeat("x", 500), 100+i)
		}
		eventually(t, "some are refused", func() bool { return g.metric(`app_errors_total{reason="broker_queue_full"}`) > 0 })
		redis.CLI("CLIENT", "UNPAUSE")
		refused := 0
		for range all {
			f := c.next()
			if !f.Success && (f.Error.Name != "InternalServerError" || !strings.Contains(f.Error.Message, "too many wait for the broker")) {
				t.Errorf("got %+v", f)
			}
			if !f.Success {
				refused++
			}
		}
		if n := g.metric(`app_errors_total{reason="broker_queue_full"}`); refused == 0 || n != float64(refused) {
			t.Errorf("%d were refused, and %g counted", refused, n)
		}
		if n := redis.CLI("XLEN", "tg:chat:"+group); strings.TrimSpace(n) != fmt.Sprint(all-refused) {
			t.Errorf("the stream has %s messages, and %d were acked", n, all-refused)
		}
	}
	f("number", "--set", "publish.queue_messages=2")
	f("size", "--set", "publish.queue_bytes=1KiB", "--set", "limits.message_bytes=1KiB")
}
