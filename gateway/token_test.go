package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/auth"
)

// command runs a subcommand, with a standard input.
func command(t *testing.T, stdin string, args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	root := newCommand(context.Background(), nil, &out, io.Discard)
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(args)
	err = root.ExecuteContext(context.Background())
	return out.String(), err
}

// made is a token that gateway token has printed: alone, so that it can be piped.
func made(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(t, "", append([]string{"token"}, args...)...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	text, ok := strings.CutSuffix(out, "\n")
	if !ok || strings.ContainsAny(text, " \n") || strings.Count(text, ".") != 2 {
		t.Fatalf("%v printed %q, want a token alone", args, out)
	}
	return text
}

// TestTokenMade: what is made lets in, with the roles and groups that were asked for.
func TestTokenMade(t *testing.T) {
	keyFile := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keyFile, []byte("# the new one\n"+accessKey+"\nthe-old-one-of-both\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := start(t, "--set", "keys_file="+keyFile, "--set", "auth.issuers=https://issuer.example", "--set", "auth.audiences=tidegate/{hub}")
	settings := []string{"--set", "keys_file=" + keyFile, "--set", "auth.issuers=https://issuer.example", "--set", "auth.audiences=tidegate/{hub}"}
	text := made(t, append(settings, "--user", "ann", "--role", "webpubsub.sendToGroup.news", "--group", "news", "--algorithm", "HS512")...)
	c := g.connect("chat?access_token=" + text)
	c.send(`{"type":"sendToGroup","group":"news","data":1}`)
	if m := c.message("news"); m.FromUserID != "ann" {
		t.Errorf("got %+v, want it from ann", m)
	}
	if _, err := dial(t, "ws://"+g.public+"/client/hubs/chat?access_token="+made(t, "--key-file", keyFile), nil); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a token of no issuer: %v", err)
	}
}

// TestTokenKeys: a private key signs with its own algorithms, and a gateway with the
// public half finds which key fits.
func TestTokenKeys(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	put := func(name, kind string, der []byte, err error) string {
		path := filepath.Join(folder, name)
		if err != nil || os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600) != nil {
			t.Fatal("no key file")
		}
		return path
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	privateFile := put("private.pem", "PRIVATE KEY", der, err)
	der, err = x509.MarshalPKIXPublicKey(public)
	publicFile := put("public.pem", "PUBLIC KEY", der, err)
	text := made(t, "--key-file", privateFile, "--kid", "k1", "--user", "b\x1b[31mob")
	out, err := command(t, text+"\n", "token", "--check", "-", "--set", "auth.public_keys="+publicFile)
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, want := range []string{`"EdDSA"`, `"k1"`, "public.pem[0] (an Ed25519 key)", `"b\x1b[31mob"`, "valid for hub chat", "in 59m"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out, err := command(t, "", "token", "--check", text, "--set", "keys="+accessKey); err == nil || !strings.Contains(out, "unknown_key: this gateway has no key for its algorithm (alg), EdDSA") {
		t.Errorf("with another key: %v\n%s", err, out)
	}
	if _, err := command(t, "", "token", "--key-file", publicFile); err == nil || !strings.Contains(err.Error(), "public key") {
		t.Errorf("signed with a public key: %v", err)
	}
}

// TestTokenCheck: all that is wrong is said, with the remedy, and what a token may do;
// the exit code is for scripts.
func TestTokenCheck(t *testing.T) {
	keys := []string{"--set", "keys=" + accessKey}
	check := func(text string, more ...string) (string, error) {
		return command(t, "", append(append([]string{"token", "--check", text}, keys...), more...)...)
	}
	f := func(text, want string, more ...string) {
		t.Helper()
		out, err := check(text, more...)
		said := out
		if err != nil {
			said += err.Error()
			if errors.As(err, new(usageError)) {
				t.Errorf("a wrong token is wrong usage: %v", err)
			}
		}
		if right := strings.HasPrefix(want, "valid") || strings.HasPrefix(want, "may ") && !strings.HasPrefix(want, "may not"); right != (err == nil) || !strings.Contains(said, want) {
			t.Errorf("%v: %v, want %q in\n%s", more, err, want, out)
		}
		if strings.Contains(said, accessKey) || len(text) > 200 && strings.Contains(said, text[len(text)-40:]) {
			t.Errorf("it shows the key or the token:\n%s", said)
		}
	}
	text := made(t, append(keys, "--role", "webpubsub.joinLeaveGroup.lobby", "--role", "webpubsub.sendToGroups.room.*", "--expires", "10m")...)
	f(text, "valid for hub chat")
	f(text, `may joinGroup "lobby"`, "--may", "joinGroup", "lobby")
	f(text, `may leaveGroup "lobby"`, "--may", "leaveGroup", "lobby")
	f(text, `may sendToGroup "room.1"`, "--may", "sendToGroup", "room.1")
	f(text, `may not sendToGroup "lobby": the role webpubsub.sendToGroup.lobby would allow it`, "--may", "sendToGroup", "lobby")
	f(text, "audience: its audience", "--hub", "game")
	f(text, "issuer: its issuer", "--set", "auth.issuers=https://a.example")
	f(text[:len(text)-3], "signature: its signature")
	f(text+"=", "malformed")
	f("x", "malformed: it is neither")
	two := []string{"--set", "hubs=chat,game"}
	f(made(t, append(append(two, keys...), "--hub", "game")...), "valid for hub game", two...)
	roles, err := auth.Sign(accessKey, auth.Claims{Hub: "chat", Roles: []string{"", "admin", "webpubsub.sendToGroup.a"}, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	f(roles, "valid for hub chat")
	if out, _ := check(roles); !strings.Contains(out, `"admin", which allows nothing`) || strings.Contains(out, `sendToGroup.a", which`) {
		t.Errorf("another role is marked than the wrong one:\n%s", out)
	}
	expired := tokenFor(t, -time.Hour)
	f(expired, "expired: it has expired: get a new one")
}

// TestTokenUsage: what cannot be made, or asked, and what to do instead.
func TestTokenUsage(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		out, err := command(t, "", append([]string{"token", "--set", "keys=" + accessKey}, args...)...)
		if err == nil || out != "" || !errors.As(err, new(usageError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %q, %v, want %q", args, out, err, want)
		}
	}
	f("no key to sign with", "--set", "keys=")
	f("no such file", "--key-file", "/nowhere/key")
	f("no such file", "--set", "keys=file:/nowhere/key")
	f("--hub is missing", "--set", "hubs=chat,game")
	f("1s to", "--expires", "0s")
	f("none of ours", "--role", "admin")
	f("cannot be read", "--role", `webpubsub.sendToGroups.\a`)
	f("a dot", "--group", ".all")
	f("HS256", "--algorithm", "RS256")
	f("unknown command", "lobby")
	f("--check", "--may", "joinGroup", "lobby")
	f("want joinGroup", "--check", "x", "--may", "dance", "lobby")
	f("want the group", "--check", "x", "--may", "joinGroup")
}
