package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker/brokertest"
	"github.com/tidegate/tidegate/gateway/auth"
)

// heard is all that a gateway has said to anybody.
type heard struct {
	t   *testing.T
	all strings.Builder
}

// lacks checks that none of the secrets was among it.
func (h *heard) lacks(secrets ...string) {
	h.t.Helper()
	for _, secret := range secrets {
		if i := strings.Index(h.all.String(), secret); i >= 0 {
			h.t.Errorf("the gateway has said %q: …%q", secret, h.all.String()[max(0, i-200):i+len(secret)])
		}
	}
}

// command notes what a command of the gateway prints, and with what it ends.
func (h *heard) command(environ []string, args ...string) {
	err := run(h.t.Context(), context.Background(), args, environ, &h.all, &h.all)
	if err != nil {
		h.all.WriteString(err.Error() + "\n")
	}
}

// page notes what is answered at an address, also what is compressed in it.
func (h *heard) page(g *gateway, method, address, path string, header http.Header) {
	_, body := g.do(method, address, path, header, "")
	if unzip, err := gzip.NewReader(strings.NewReader(body)); err == nil {
		plain, err := io.ReadAll(unzip)
		if err != nil {
			h.t.Error(err)
		}
		body = string(plain)
	}
	h.all.WriteString(method + " " + address + ": " + body + "\n")
}

const (
	secretKey      = "s3cret-access-key-of-the-application"
	secretFileKey  = "s3cret-access-key-that-is-in-a-file"
	secretPassword = "s3cret-password-of-redis"
	secretOther    = "s3cret-key-of-somebody-else"
)

// TestSecrets: a gateway that logs all it can, whose clients and whose application come
// with right and wrong tokens and keys, names none of them in its log, its answers, its
// metrics or its profiles, and nor does it name the broker's password.
func TestSecrets(t *testing.T) {
	h := &heard{t: t}
	redis := brokertest.StartRedis(t)
	redis.CLI("CONFIG", "SET", "requirepass", secretPassword)
	address := strings.Replace(redis.URL(), "redis://", "redis://:"+secretPassword+"@", 1)
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte(secretFileKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := spawn(t, "--broker", address, "--set", "log.level=debug", "--set", "keys="+secretKey, "--set", "keys_file="+file)
	eventually(t, "the node is ready", func() bool { status, _ := p.get(p.operator, "/readyz"); return status == 200 })

	secrets := []string{secretKey, secretFileKey, secretPassword, secretOther}
	sign := func(key string, expires time.Time) string {
		token, err := auth.Sign(key, auth.Claims{User: "ann", Hub: "chat", Roles: []string{"webpubsub.sendToGroup"}, Expires: expires})
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, token, token[strings.LastIndexByte(token, '.')+1:])
		return token
	}
	inAnHour := time.Now().Add(time.Hour)
	right, filed, wrong, expired := sign(secretKey, inAnHour), sign(secretFileKey, inAnHour), sign(secretOther, inAnHour), sign(secretKey, time.Now().Add(-time.Hour))
	const hub = "/client/hubs/chat"
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	for _, token := range []string{right, filed, wrong, expired, secretOther, wrong + "x", wrong[:len(wrong)-9], "." + secretOther + "."} {
		for _, protocol := range []string{"json.webpubsub.azure.v1", "json.reliable.webpubsub.azure.v1"} {
			if c, err := dial(t, "ws://"+p.public+hub+"?access_token="+token, nil, protocol); err == nil {
				if _, after, ok := strings.Cut(c.text(), `"reconnectionToken":"`); ok {
					secrets = append(secrets, strings.TrimSuffix(after, `"}`))
				}
				c.send(`{"type":"joinGroup","group":"g","ackId":1}`)
				c.ack(1)
				c.send(`{"type":"nonsense"}`)
				_ = c.closedWith()
			}
			if c, err := dial(t, "ws://"+p.public+hub, bearer(token), protocol); err == nil {
				c.conn.Close() // without a word
			}
		}
		h.page(p.gateway, "GET", p.public, hub+"?access_token="+token, nil)
		h.page(p.gateway, "GET", p.public, hub, http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Authorization": {"Bearer " + token + "x"}})
		h.page(p.gateway, "POST", p.operator, "/api/hubs/chat/:send?access_token="+token, bearer(token))
		h.page(p.gateway, "GET", p.operator, "/api/hubs/chat/groups/g/connections", bearer(token))
		h.page(p.gateway, "GET", p.public, "/"+token, nil)
	}
	h.page(p.gateway, "POST", p.operator, "/api/hubs/chat/:send", bearer(secretKey))
	for _, path := range []string{"/metrics", "/readyz", "/debug/pprof/", "/debug/pprof/goroutine?debug=2", "/debug/pprof/goroutine?debug=1", "/debug/pprof/heap", "/debug/pprof/heap?debug=1",
		"/debug/pprof/allocs", "/debug/pprof/cmdline", "/debug/pprof/profile?seconds=1", "/debug/pprof/trace?seconds=1"} {
		h.page(p.gateway, "GET", p.operator, path, nil)
	}
	redis.Stop()
	eventually(t, "the node is not ready", func() bool { status, _ := p.get(p.operator, "/readyz"); return status == 503 })
	h.page(p.gateway, "GET", p.operator, "/readyz", nil)
	if !strings.Contains(p.log.String(), "a client was not let in") {
		t.Error("the log has nothing of the refused")
	}
	h.all.WriteString(p.log.String())
	h.lacks(secrets...)
}

// TestSecretsOfSettings: what is wrong with a setting is told without what is secret in
// it, and so is what is in force.
func TestSecretsOfSettings(t *testing.T) {
	h := &heard{t: t}
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("redis://user:"+secretPassword+"@h:port"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"config", "check"} {
		for _, broker := range []string{"redis://user:" + secretPassword + "@127.0.0.1:1/0", "redis+sentinel://u:" + secretPassword + "@127.0.0.1:1/m?sentinel_password=" + secretPassword,
			"redis://user:" + secretPassword + "@h:port", "redis://user:" + secretPassword + "/@h", "rediss://u:" + secretPassword + "@h?skip_verify=true", "file:" + file,
			"file:redis://u:" + secretPassword + "@h", "redis+cluster://u:" + secretPassword + "@h/3"} {
			h.command(nil, command, "--broker", broker)
			h.command([]string{"REDIS_URL=" + broker}, command)
			h.command([]string{"TIDEGATE_BROKER=" + broker}, command, "--set", "workers=0")
		}
		h.command(nil, command, "--set", "keys="+secretKey)
		h.command(nil, command, "--set", "keys=x,"+secretKey)
		h.command(nil, command, "--set", "key="+secretKey)
		h.command(nil, command, "--set", "keys:"+secretKey)
		h.command([]string{"TIDEGATE_KEYS=" + secretKey + ",short", "TIDEGATE_KEY=" + secretKey}, command)
		h.command(nil, command, "--set", "auth.jwks=https://u:"+secretPassword+"@h/?key="+secretKey)
		h.command(nil, command, "--set", "keys_file="+file)
	}
	if !bytes.Contains([]byte(h.all.String()), []byte("xxxxx")) {
		t.Errorf("no password was hidden:\n%s", h.all.String())
	}
	h.lacks(secretKey, secretPassword)
}

// TestSecretsOfBrokers: a broker that cannot be spoken to, or whose password is wrong, is
// complained of without the password.
func TestSecretsOfBrokers(t *testing.T) {
	redis := brokertest.StartRedis(t)
	redis.CLI("CONFIG", "SET", "requirepass", "another-password")
	wrong := strings.Replace(redis.URL(), "redis://", "redis://:"+secretPassword+"@", 1)
	for _, broker := range []string{wrong, "redis+sentinel://u:" + secretPassword + "@127.0.0.1:1/m?sentinel_password=" + secretPassword, "redis+cluster://u:" + secretPassword + "@127.0.0.1:1", "rediss://u:" + secretPassword + "@127.0.0.1:1"} {
		h := &heard{t: t}
		g := start(t, "--broker", broker, "--set", "log.level=debug")
		eventually(t, "the node is not ready", func() bool { status, _ := g.get(g.operator, "/readyz"); return status == 503 })
		h.page(g, "GET", g.operator, "/readyz", nil)
		h.all.WriteString(g.log.String())
		h.lacks(secretPassword)
	}
}
