package server

import (
	"bufio"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/tidegate/tidegate/gateway/auth"
)

const secret = "correct-horse-battery-staple"

// ask has a client connect over a subprotocol, with a token of ann's.
func (n *node) ask(protocol, query string) func() (string, error) {
	n.t.Helper()
	token, err := auth.Sign(secret, auth.Claims{User: "ann", Hub: "chat", Issued: time.Now(), Expires: time.Now().Add(time.Hour)})
	if err != nil {
		n.t.Fatal(err)
	}
	d := ws.Dialer{Protocols: []string{protocol}}
	conn, buffered, _, err := d.Dial(n.t.Context(), "ws://"+n.address+"/client/hubs/chat?access_token="+token+query)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		n.t.Fatal(err)
	}
	if buffered == nil { // what came with the answer to the handshake
		buffered = bufio.NewReader(conn)
	}
	in := bufio.NewReadWriter(buffered, bufio.NewWriter(conn))
	return func() (string, error) {
		text, err := wsutil.ReadServerText(in)
		if err != nil {
			conn.Close()
		}
		return string(text), err
	}
}

// locked has the node ask for tokens.
func (n *node) locked() {
	n.t.Helper()
	key, err := auth.SecretKey(secret, "test")
	if err != nil {
		n.t.Fatal(err)
	}
	n.Keys = auth.NewKeys(auth.Rules{}, func() {})
	n.Keys.Replace("test", []auth.Key{key})
}

// closes reads on until the close, which must be 1008.
func (n *node) closes(next func() (string, error)) {
	n.t.Helper()
	for {
		if _, err := next(); err != nil {
			var closed wsutil.ClosedError
			if !errors.As(err, &closed) || closed.Code != ws.StatusPolicyViolation {
				n.t.Errorf("got %v, want 1008", err)
			}
			return
		}
	}
}

// TestRevokedMeanwhile: a client whose user is revoked after its token was looked at, and
// before its session is open, is closed.
func TestRevokedMeanwhile(t *testing.T) {
	n := start(t, 1, 100)
	n.locked()
	n.revokedLately.note(account{"chat", "ann"}, time.Now().Unix(), time.Now())
	n.closes(n.ask("json.webpubsub.azure.v1", ""))
}

// TestClosedMeanwhile: a session that the application closes while it is on its way to
// another connection is closed there.
func TestClosedMeanwhile(t *testing.T) {
	n := start(t, 1, 100)
	n.locked()
	next := n.ask("json.reliable.webpubsub.azure.v1", "")
	text, err := next()
	var f struct{ ConnectionID, ReconnectionToken string }
	if err != nil || json.Unmarshal([]byte(text), &f) != nil || f.ConnectionID == "" {
		t.Fatalf("got %s, %v", text, err)
	}
	id, _ := parseConnectionID(f.ConnectionID)
	n.closedLately.note(hubConnection{"chat", id}, 0, time.Now())
	n.closes(n.ask("json.reliable.webpubsub.azure.v1", "&awps_connection_id="+f.ConnectionID+"&awps_reconnection_token="+f.ReconnectionToken))
	n.closes(next) // its own one was superseded
	if n.attached.get(f.ConnectionID) != nil {
		t.Error("the session goes on")
	}
}

// TestRevocationsKnown: a node looks at every handshake until it knows that there is
// nothing to look for, and what it hears of meanwhile is not forgotten.
func TestRevocationsKnown(t *testing.T) {
	var r revocations
	now := time.Unix(1790000000, 0)
	f := func(want bool) {
		t.Helper()
		if r.any(now) != want {
			t.Errorf("there may be one: %v", !want)
		}
	}
	f(true)
	n := r.extended()
	r.extend(now.Add(time.Hour))
	r.learn(0, n) // found out before it was extended
	f(true)
	r.learn(0, r.extended())
	f(false)
	r.extend(now.Add(time.Minute))
	f(true)
	now = now.Add(2 * time.Minute)
	f(false)
}
