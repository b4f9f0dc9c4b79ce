package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/auth"
)

const accessKey = "correct-horse-battery-staple"

// allRoles may do everything.
var allRoles = []string{"webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"}

// tokenFor is one for hub chat that ends after a time, signed with the access key.
func tokenFor(t testing.TB, ends time.Duration) string {
	t.Helper()
	s, err := auth.Sign(accessKey, auth.Claims{User: "ann", Hub: "chat", Roles: allRoles, Expires: time.Now().Add(ends)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestExpiry: a connection ends with its token, the JSON client's with a word before
// and, if it has asked for it, a warning; a simple client's with the close alone.
func TestExpiry(t *testing.T) {
	g := start(t, "--set", "keys="+accessKey)
	short := tokenFor(t, 8*time.Second)
	end := time.Now().Add(8 * time.Second).Truncate(time.Second)
	warned := g.connect("chat?expiry_warning=7s&access_token=" + short)
	quiet := g.connect("chat?access_token=" + short)
	simple := g.simple("/ws/chat/a/?access_token=" + short)
	stays := g.connect("chat?access_token=" + tokenFor(t, time.Hour))
	f := warned.next()
	if f.Type != "system" || f.Event != "token-expiring" || f.ExpiresInMs < 1 || f.ExpiresInMs > 7000 {
		t.Errorf("got %+v, want token-expiring", f)
	}
	for _, c := range []*client{warned, quiet} {
		if f := c.next(); f.Event != "disconnected" || !strings.Contains(f.Message, "expired") {
			t.Errorf("got %+v, want disconnected", f)
		}
	}
	for what, c := range map[string]*client{"warned": warned, "quiet": quiet, "simple": simple} {
		if code := c.closedWith(); code != 1008 {
			t.Errorf("%s: closed with %d, want 1008", what, code)
		}
	}
	if now := time.Now(); now.Before(end) {
		t.Errorf("closed %s before the token's end", end.Sub(now))
	}
	eventually(t, "three are counted", func() bool { return g.metric(`tidegate_closes_total{reason="token_expired"}`) == 3 })
	stays.join("a")
}

// TestExpiredOnArrival: a token that has ended but is within the tolerance for clocks
// lets a client in for as long as it would.
func TestExpiredOnArrival(t *testing.T) {
	g := start(t, "--set", "keys="+accessKey, "--set", "auth.clock_skew=20s")
	c := g.connect("chat?expiry_warning=1s&access_token=" + tokenFor(t, -10*time.Second))
	if f := c.next(); f.Event != "token-expiring" || f.ExpiresInMs > 10_000 {
		t.Errorf("got %+v, want token-expiring", f)
	}
	c.join("a")
	if code := c.closedWith(); code != 1008 {
		t.Errorf("closed with %d, want 1008", code)
	}
	if _, err := dial(t, "ws://"+g.public+"/client/hubs/chat?access_token="+tokenFor(t, -21*time.Second), nil); err == nil {
		t.Error("a token beyond the tolerance was accepted")
	}
}

// TestExpiryOff: with the setting off a token's end is looked at in the handshake only.
func TestExpiryOff(t *testing.T) {
	g := start(t, "--set", "keys="+accessKey, "--set", "auth.close_at_expiry=false")
	end := time.Now().Add(5 * time.Second)
	c := g.connect("chat?expiry_warning=1s&access_token=" + tokenFor(t, 5*time.Second))
	on := start(t, "--set", "keys="+accessKey)
	other := on.connect("chat?access_token=" + tokenFor(t, 5*time.Second))
	other.closedWith() // by now the first would have been looked at, too
	for time.Since(end) < 3*time.Second {
		c.send(`{"type":"ping"}`)
		if f := c.next(); f.Type != "pong" {
			t.Fatalf("got %+v, want pong", f)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestExpiryWarning: what is no time, and who could not tell the warning from a message.
func TestExpiryWarning(t *testing.T) {
	g := start(t)
	f := func(query, want string, protocols ...string) {
		t.Helper()
		h := http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}, "Sec-Websocket-Protocol": protocols}
		if status, body := g.do(http.MethodGet, g.public, "/client/hubs/chat?expiry_warning="+query, h, ""); status != 400 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, %s, want 400 with %q", query, status, body, want)
		}
	}
	for _, query := range []string{"soon", "0", "-5", "2h", "100ms"} {
		f(query, "1s to 1h", "json.webpubsub.azure.v1")
	}
	f("30", "subprotocol")
	g.connect("chat?expiry_warning=30").join("a")
}

// TestAnonymousPlaces: without a token only where the settings say so, and with the
// roles that they give.
func TestAnonymousPlaces(t *testing.T) {
	g := start(t, "--set", "keys="+accessKey, "--set", "hubs=chat,news,live",
		"--set", "routes=/ws/chat/{group}/=chat,/ws/news/{group}/=news,/ws/live/{group}/=live",
		"--set", "auth.anonymous=news,/ws/live/{group}/", "--set", "auth.anonymous_roles=webpubsub.joinLeaveGroup.a")
	f := func(path string, want string, protocols ...string) {
		t.Helper()
		_, err := dial(t, "ws://"+g.public+path, nil, protocols...)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	const protocol = "json.webpubsub.azure.v1"
	f("/client/hubs/chat", "401", protocol)
	f("/ws/chat/a/", "401")
	f("/client/hubs/news", "", protocol)
	f("/client/?hub=news", "", protocol)
	f("/ws/news/a/", "")
	f("/ws/news/b/", "403")
	f("/client/hubs/live", "401", protocol)
	f("/ws/live/a/", "")
	f("/client/hubs/news?access_token=x.y.z", "401", protocol)
	c := g.connect("news")
	c.send(`{"type":"joinGroup","group":"b","ackId":1}`)
	if f := c.ack(1); f.Error.Name != "Forbidden" {
		t.Errorf("joined b: %+v", f)
	}
	c.send(`{"type":"sendToGroup","group":"a","data":1,"ackId":2}`)
	if f := c.ack(2); f.Error.Name != "Forbidden" {
		t.Errorf("sent to a: %+v", f)
	}
	c.send(`{"type":"joinGroup","group":"a","ackId":3}`)
	if f := c.ack(3); !f.Success {
		t.Errorf("did not join a: %+v", f)
	}
}

// TestTokenSources: by header and by query, with a public key of a file that changes,
// and nothing secret in what operators are shown.
func TestTokenSources(t *testing.T) {
	first, second := newSigner(t), newSigner(t)
	path := filepath.Join(t.TempDir(), "issuer.pem")
	put := func(content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(first.public)
	g := start(t, "--set", "log.level=debug", "--set", "keys="+accessKey, "--set", "auth.public_keys="+path, "--set", "auth.issuers=https://issuer.example")
	claims := auth.Claims{User: "ann", Hub: "chat", Roles: allRoles, Issuer: "https://issuer.example", Expires: time.Now().Add(time.Hour)}
	try := func(s signer) bool {
		text, err := s.Sign(claims, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = dial(t, "ws://"+g.public+"/client/hubs/chat?access_token=not-this-one", http.Header{"Authorization": {"Bearer " + text}}, "json.webpubsub.azure.v1")
		return err == nil
	}
	if !try(first) || try(second) {
		t.Error("the file's key does not let in, or another does")
	}
	put(append(append([]byte{}, first.public...), second.public...))
	eventually(t, "both keys let in", func() bool { return try(first) && try(second) })
	put(second.public)
	eventually(t, "the old key does not", func() bool { return !try(first) && try(second) })
}

// TestRefusals: what is wrong with a token is answered, counted and logged, and nothing
// secret is in what operators are shown.
func TestRefusals(t *testing.T) {
	second := newSigner(t)
	path := filepath.Join(t.TempDir(), "issuer.pem")
	if err := os.WriteFile(path, second.public, 0o600); err != nil {
		t.Fatal(err)
	}
	g := start(t, "--set", "log.level=debug", "--set", "keys="+accessKey, "--set", "auth.public_keys="+path, "--set", "auth.issuers=https://issuer.example")
	claims := auth.Claims{User: "ann", Hub: "chat", Roles: allRoles, Issuer: "https://issuer.example", Expires: time.Now().Add(time.Hour)}
	f := func(change func(*auth.Claims), status int, reason string) {
		t.Helper()
		c := claims
		change(&c)
		text, err := second.Sign(c, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dial(t, "ws://"+g.public+"/client/hubs/chat?access_token="+text, nil, "json.webpubsub.azure.v1"); err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("%s: %v, want %d", reason, err, status)
		}
		if g.metric(`tidegate_tokens_refused_total{reason="`+reason+`"}`) == 0 && status == 401 {
			t.Errorf("%s is not counted", reason)
		}
		if strings.Contains(g.log.String(), text[:40]) {
			t.Errorf("%s: the token is in the log", reason)
		}
	}
	f(func(c *auth.Claims) { c.Issuer = "https://other.example" }, 401, "issuer")
	f(func(c *auth.Claims) { c.Hub = "game" }, 401, "audience")
	f(func(c *auth.Claims) { c.Groups = []string{".all"} }, 400, "bad_group")
	f(func(c *auth.Claims) { c.Groups = []string{strings.Repeat("x", 1025)} }, 400, "long group")
	f(func(c *auth.Claims) { c.Groups = make([]string, 1001) }, 400, "many groups")
	if !strings.Contains(g.log.String(), "auth.issuers are https://issuer.example") {
		t.Error("the log does not say why a token was refused")
	}
	for _, page := range []string{"/debug/pprof/cmdline", "/metrics", "/debug/pprof/goroutine?debug=2"} {
		if _, body := g.get(g.operator, page); strings.Contains(body, accessKey) {
			t.Errorf("%s shows the access key", page)
		}
	}
	if strings.Contains(g.log.String(), accessKey) {
		t.Error("the log shows the access key")
	}
}

// signer is somebody with a key pair.
type signer struct {
	auth.Signer
	public []byte
}

func newSigner(t *testing.T) signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, _ := x509.MarshalPKCS8PrivateKey(k)
	public, _ := x509.MarshalPKIXPublicKey(k.Public())
	s, err := auth.ParseSigner(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), "test")
	if err != nil {
		t.Fatal(err)
	}
	return signer{s, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})}
}

// TestOneRole: who may join the groups of one pattern can do nothing else, by no way in.
func TestOneRole(t *testing.T) {
	g := start(t, "--set", "keys="+accessKey)
	text, err := auth.Sign(accessKey, auth.Claims{User: "ann", Hub: "chat", Roles: []string{"webpubsub.joinLeaveGroups.room.*"}, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	heard := g.connect("chat?access_token=" + tokenFor(t, time.Hour))
	heard.join("room.1")
	heard.send(`{"type":"joinGroup","group":"other","ackId":2}`)
	heard.ack(2)
	c := g.connect("chat?access_token=" + text)
	c.join("room.1")
	for id, request := range []string{
		`"type":"joinGroup","group":"other"`,
		`"type":"joinGroup","group":"room.1.2"`,
		`"type":"joinGroup","group":"ROOM.1"`,
		`"type":"joinGroup","group":"other","since":"0-0"`,
		`"type":"joinGroup","group":"other","history":5`,
		`"type":"joinGroup","group":"other","presence":true`,
		`"type":"leaveGroup","group":"other"`,
		`"type":"sendToGroup","group":"room.1","data":1`,
		`"type":"sendToGroup","group":"other","data":1`,
		`"type":"SENDTOGROUP","group":"other","data":1`,
	} {
		c.send(`{%s,"ackId":%d}`, request, id+10)
		if f := c.ack(uint64(id + 10)); f.Success || f.Error.Name != "Forbidden" {
			t.Errorf("%s: %+v, want Forbidden", request, f)
		}
	}
	c.send(`{"type":"joinGroup","group":".all","ackId":30}`)
	if f := c.ack(30); f.Success {
		t.Errorf("joined the group of all: %+v", f)
	}
	f := func(path, want string) {
		t.Helper()
		if _, err := dial(t, "ws://"+g.public+path+"access_token="+text, nil); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	f("/ws/chat/other/?", "403")
	f("/ws/chat/room.1.2/?", "403")
	f("/client/hubs/chat?webpubsub_mode=sendToGroup&group=other&", "403")
	f("/client/hubs/game?", "404")
	simple := g.simple("/ws/chat/room.1/?access_token=" + text)
	simple.send("what it may not say")
	g.refusesOrders(text, c, heard)
	// Nobody has heard anything of it.
	eventually(t, "the simple client's word was refused", func() bool { return g.metric(`app_errors_total{reason="forbidden"}`) >= 14 })
	heard.send(`{"type":"sendToGroup","group":"room.1","data":"end"}`)
	if m := heard.message("room.1"); string(m.Data) != `"end"` {
		t.Errorf("heard %+v", m)
	}
}

// refusesOrders asks for everything that the data plane does, with a token that is for
// clients.
func (g *gateway) refusesOrders(text string, c, heard *client) {
	t := g.t
	t.Helper()
	for _, path := range []string{"/api/hubs/chat/:send", "/api/hubs/chat/groups/room.1/:send", "/api/hubs/chat/groups/other/:send"} {
		h := http.Header{"Content-Type": {"text/plain"}, "Authorization": {"Bearer " + text}}
		if status, _ := g.do(http.MethodPost, g.operator, path, h, "x"); status != 401 {
			t.Errorf("%s: %d, want 401", path, status)
		}
	}
	for _, request := range []string{
		"PUT permissions/sendToGroup/connections/" + c.id, "DELETE permissions/sendToGroup/connections/" + heard.id, "HEAD permissions/joinLeaveGroup/connections/" + c.id,
		"PUT groups/other/connections/" + c.id, "DELETE groups/room.1/connections/" + heard.id, "DELETE connections/" + heard.id, "HEAD connections/" + c.id,
		"DELETE connections/" + heard.id + "/groups", "HEAD users/ann", "PUT users/ann/groups/other", "DELETE users/ann/groups/room.1", "DELETE users/ann/groups",
		"POST users/ann/:revoke", "POST users/ann/:closeConnections", "POST groups/room.1/:closeConnections", "POST :closeConnections",
		"GET groups/room.1/connections", "HEAD groups/room.1",
	} {
		method, path, _ := strings.Cut(request, " ")
		if status, _ := g.do(method, g.operator, "/api/hubs/chat/"+path, http.Header{"Authorization": {"Bearer " + text}}, ""); status != 401 {
			t.Errorf("%s: %d, want 401", request, status)
		}
	}
}
