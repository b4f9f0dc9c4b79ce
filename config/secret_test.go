package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAuthSettings: what is no key, no address to take keys from, and no role.
func TestAuthSettings(t *testing.T) {
	ok := func(key, value string) {
		t.Helper()
		load(t, flag(key, value))
	}
	bad := func(key, value, want string) {
		t.Helper()
		if got := refused(t, flag(key, value)); !strings.Contains(got, "setting "+key) || !strings.Contains(got, want) {
			t.Errorf("%s=%s: %s; want %q in it", key, value, got, want)
		}
	}
	ok("keys", "file:k,0123456789abcdef")
	bad("keys", "0123456789abcde", "at least 16 bytes")
	bad("keys", "file:", "file:PATH")
	ok("auth.jwks", "")
	ok("auth.jwks", "https://issuer.example/jwks?p=x")
	ok("auth.jwks", "http://127.0.0.1:8080/jwks")
	ok("auth.jwks", "http://localhost/jwks")
	ok("auth.jwks", "http://[::1]:1/jwks")
	bad("auth.jwks", "http://issuer.example/jwks", "http on loopback only")
	bad("auth.jwks", "https://user:s3cret@issuer.example/jwks", "without a user in it")
	bad("auth.jwks", "https:///jwks", "https://")
	bad("auth.jwks", "issuer.example", "https://")
	bad("auth.jwks", "file:///etc/passwd", "https://")
	ok("auth.anonymous_roles", "webpubsub.joinLeaveGroup,webpubsub.sendToGroup.a.b,webpubsub.joinLeaveGroups.a.*")
	bad("auth.anonymous_roles", "admin", "webpubsub.joinLeaveGroup")
	bad("auth.anonymous_roles", "webpubsub.sendToGroups", "PATTERN")
	bad("auth.anonymous_roles", "webpubsub.sendToGroupX", "PATTERN")
	bad("auth.jwks_refresh", "1s", "10s to 24h")
	bad("auth.clock_skew", "2h", "0s to 1h")
}

// TestKeyFileVariable: the usual way to hand over a secret that is mounted.
func TestKeyFileVariable(t *testing.T) {
	l := load(t, Sources{Environ: []string{"TIDEGATE_KEYS_FILE=/run/secrets/keys"}})
	if l.Config.KeysFile != "/run/secrets/keys" || !l.Config.HasKeys() {
		t.Errorf("%+v", l.Config)
	}
}

// TestBrokerFile: the URL, with its password, may stand in a file.
func TestBrokerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "url")
	put := func(content string) {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("redis://:s3cret@h:6379/0\n")
	l := load(t, Sources{Environ: []string{"REDIS_URL=file:" + path}})
	if l.Config.Broker != "redis://:s3cret@h:6379/0" || !strings.Contains(l.source["broker"], "REDIS_URL") || strings.Contains(l.Redacted("broker"), "s3cret") {
		t.Errorf("%s from %s", l.Redacted("broker"), l.source["broker"])
	}
	f := func(value, want string) {
		t.Helper()
		if got := refused(t, flag("broker", value)); !strings.Contains(got, want) || !strings.Contains(got, "setting broker: ") || strings.Contains(got, "s3cret") || strings.Contains(got, "\n") {
			t.Errorf("%s: %s; want %q in it", value, got, want)
		}
	}
	f("file:", "file:PATH")
	f("file:/nowhere/url", "no such file")
	f("file:"+t.TempDir(), "it is no file")
	for _, content := range []string{"", "s3cret", "ftp://:s3cret@h", "redis://:s3cret@h:x"} {
		put(content)
		f("file:"+path, "want a file with the broker's URL in it, which is memory, or a URL")
	}
	put("file:" + path)
	f("file:"+path, "not another file's path")
}
