package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// TestChat is the main job: two clients in a group see each other's messages, in
// order, with acks and positions.
func TestChat(t *testing.T) {
	g := start(t)
	a, b := g.connect("chat"), g.connect("chat")
	a.join("lobby")
	b.join("lobby")
	a.send(`{"type":"sendToGroup","group":"lobby","dataType":"json","data":{"n": [1, 2]},"ackId":2}`)
	m := b.message("lobby")
	if string(m.Data) != `{"n": [1, 2]}` || m.DataType != "json" {
		t.Errorf("got %s as %s", m.Data, m.DataType)
	}
	seen := map[string]frame{}
	for range 2 {
		f := a.next() // its own message and the ack, in either order
		seen[f.Type] = f
	}
	if !seen["ack"].Success || seen["ack"].Position != m.Position || seen["message"].Position != m.Position {
		t.Errorf("the ack says %q, the messages %q and %q", seen["ack"].Position, m.Position, seen["message"].Position)
	}
}

// TestDataTypes sends each type and reads it as JSON client and as simple client.
func TestDataTypes(t *testing.T) {
	g := start(t)
	a, b := g.connect("chat"), g.connect("chat")
	s := g.simpleIn("/ws/chat/types/")
	b.join("types")
	f := func(dataType, data, plain string, op ws.OpCode) {
		t.Helper()
		a.send(`{"type":"sendToGroup","group":"types","dataType":%q,"data":%s}`, dataType, data)
		if m := b.message("types"); string(m.Data) != data || m.DataType != dataType {
			t.Errorf("JSON client: got %s as %s, want %s", m.Data, m.DataType, data)
		}
		if got, gotOp, err := s.read(); err != nil || got != plain || gotOp != op {
			t.Errorf("simple client: got %q (opcode %d, %v), want %q", got, gotOp, err, plain)
		}
	}
	f("json", `{"a":1}`, `{"a":1}`, ws.OpText)
	f("json", `"x"`, `"x"`, ws.OpText)
	f("text", `"zwei \"Wörter\"\n"`, "zwei \"Wörter\"\n", ws.OpText)
	f("text", `""`, "", ws.OpText)
	f("binary", `"`+base64.StdEncoding.EncodeToString([]byte{0, 255, 1})+`"`, "\x00\xff\x01", ws.OpBinary)
}

// TestNoEcho: the sender does not get its own message, the others do.
func TestNoEcho(t *testing.T) {
	g := start(t)
	a, b := g.connect("chat"), g.connect("chat")
	a.join("g")
	b.join("g")
	a.send(`{"type":"sendToGroup","group":"g","data":1,"noEcho":true,"ackId":2}`)
	if f := a.ack(2); !f.Success {
		t.Fatalf("%+v", f)
	}
	a.send(`{"type":"sendToGroup","group":"g","data":2,"dataType":"json"}`)
	if m := a.message("g"); string(m.Data) != "2" {
		t.Errorf("the sender got %s", m.Data)
	}
	for _, want := range []string{"1", "2"} {
		if m := b.message("g"); string(m.Data) != want {
			t.Errorf("got %s, want %s", m.Data, want)
		}
	}
}

// TestRequests is what each client frame is answered with.
func TestRequests(t *testing.T) {
	g := start(t, "--set", "limits.groups_per_connection=3")
	c := g.connect("chat")
	f := func(request, want string) {
		t.Helper()
		c.send("%s", request)
		if got := c.text(); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s in it", request, got, want)
		}
	}
	f(`{"type":"ping"}`, `{"type":"pong"}`)
	f(`{"type":"joinGroup","group":"g","ackId":1}`, `"success":true`)
	f(`{"type":"joinGroup","group":"g","ackId":2}`, `"success":true`)
	f(`{"type":"joinGroup","group":"g","ackId":2}`, `"name":"Duplicate"`)
	f(`{"type":"leaveGroup","group":"g","ackId":3}`, `"success":true`)
	f(`{"type":"leaveGroup","group":"never joined","ackId":4}`, `"success":true`)
	f(`{"type":"event","event":"order","dataType":"text","data":"x","ackId":5}`, "no event handler is configured")
	f(`{"type":"event","event":"order","dataType":"text","data":"x","ackId":5}`, "no event handler is configured")
	f(`{"type":"joinGroup","group":".all","ackId":6}`, `"success":false`)
	f(`{"type":"sendToGroup","group":".all","data":1,"ackId":7}`, `"success":false`)
	f(`{"type":"sendToGroup","group":"g","data":1,"ackId":18446744073709551615}`, `"ackId":18446744073709551615,"success":true`)
	f(`{"type":"sendToGroup","group":"g","data":1,"ackId":18446744073709551615}`, `Duplicate`)
	f(`{"type":"joinGroup","group":"g1","ackId":8}`, `"success":true`)
	f(`{"type":"joinGroup","group":"g2","ackId":9}`, `"success":true`)
	f(`{"type":"joinGroup","group":"g3","ackId":10}`, `"success":true`)
	f(`{"type":"joinGroup","group":"g4","ackId":11}`, "limits.groups_per_connection")
	f(`{"type":"joinGroup","group":"g3","ackId":12}`, `"success":true`)
	c.send(`{"type":"sequenceAck","sequenceId":7}`) // asks for nothing, gets nothing
	f(`{"type":"ping"}`, `{"type":"pong"}`)
	if got := g.metric(`app_errors_total{reason="no_handler"}`); got != 2 {
		t.Errorf("app_errors_total counts %v events without a handler, want 2", got)
	}
}

// TestSimpleClients: a page written for a Django Channels consumer that relays to
// its room works unchanged, the sender gets its own message too.
func TestSimpleClients(t *testing.T) {
	g := start(t)
	a := g.simpleIn("/ws/chat/lobby/")
	b := g.simpleIn("/ws/chat/lobby/")
	if got := a.text(); got != "here" {
		t.Errorf("got %q", got)
	}
	c := g.connect("chat")
	c.join("lobby")
	a.send("hello")
	for _, s := range []*client{a, b} {
		if got := s.text(); got != "hello" {
			t.Errorf("got %q", got)
		}
	}
	if m := c.message("lobby"); string(m.Data) != `"hello"` || m.DataType != "text" {
		t.Errorf("the JSON client got %s as %s", m.Data, m.DataType)
	}
	if err := wsutil.WriteClientBinary(b.conn, []byte{0, 1, 254}); err != nil {
		t.Fatal(err)
	}
	if got, op, err := a.read(); err != nil || got != "\x00\x01\xfe" || op != ws.OpBinary {
		t.Errorf("binary: got %q, opcode %d, %v", got, op, err)
	}
}

// TestSimpleModes: without a subprotocol the query says where frames go.
func TestSimpleModes(t *testing.T) {
	g := start(t)
	member := g.connect("chat")
	member.join("room")
	s := g.simple("/client/hubs/chat?webpubsub_mode=sendToGroup&group=room&noEcho=true")
	s.send("one")
	if m := member.message("room"); string(m.Data) != `"one"` {
		t.Errorf("got %s", m.Data)
	}
	member.send(`{"type":"sendToGroup","group":"room","dataType":"text","data":"two"}`)
	if got := s.text(); got != "two" {
		t.Errorf("got %q: with noEcho its own message must not come back", got)
	}
	events := g.simple("/client/hubs/chat")
	events.send("nobody handles this")
	if code := events.closedWith(); code != ws.StatusInternalServerError {
		t.Errorf("closed with %d, want 1011", code)
	}
}

// TestEcho: the conformance route sends each message back to its sender alone.
func TestEcho(t *testing.T) {
	g := start(t, "--set", "echo=/echo")
	a, b := g.simple("/echo"), g.simple("/echo")
	for i := range 3 {
		a.send("a%d", i)
		b.send("b%d", i)
	}
	for i := range 3 {
		if got := a.text(); got != fmt.Sprintf("a%d", i) {
			t.Errorf("a got %q", got)
		}
		if got := b.text(); got != fmt.Sprintf("b%d", i) {
			t.Errorf("b got %q", got)
		}
	}
}

// TestReliableProtocol: official clients offer it by default; they are greeted with what
// they need to come back, and what they send is acked and comes as to others.
func TestReliableProtocol(t *testing.T) {
	g := start(t)
	c, err := dial(t, "ws://"+g.public+"/client/hubs/chat", nil, "json.reliable.webpubsub.azure.v1")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.text(); !strings.Contains(got, "reconnectionToken") || !strings.Contains(got, `"connected"`) {
		t.Errorf("greeted with %s", got)
	}
	c.join("g")
	c.send(`{"type":"sendToGroup","group":"g","data":1,"dataType":"json"}`)
	c.message("g")
}

// TestJoinTwiceAtOnce: a second join that comes before the first was answered is
// answered too, with the same position, and the messages come once.
func TestJoinTwiceAtOnce(t *testing.T) {
	g := start(t)
	for i := range 50 {
		c := g.connect("chat")
		group := fmt.Sprintf("g%d", i)
		c.send(`{"type":"joinGroup","group":%q,"ackId":1}`, group)
		c.send(`{"type":"joinGroup","group":%q,"ackId":2}`, group)
		c.send(`{"type":"sendToGroup","group":%q,"dataType":"json","data":1}`, group)
		first, second := c.next(), c.next() // in either order
		if first.AckID+second.AckID != 3 || !first.Success || !second.Success || first.Position != second.Position {
			t.Fatalf("%+v, %+v", first, second)
		}
		c.message(group)
		c.send(`{"type":"ping"}`)
		if f := c.next(); f.Type != "pong" {
			t.Fatalf("got %+v, want the pong: the message came twice", f)
		}
	}
}
