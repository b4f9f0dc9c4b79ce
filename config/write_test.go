package config

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

// TestWrite: a line for each setting, in columns, with its source.
func TestWrite(t *testing.T) {
	var out bytes.Buffer
	l := load(t, Sources{Environ: []string{"UVICORN_WORKERS=3"}, Flags: map[string]string{"listen": "127.0.0.1:1"}})
	if err := l.Write(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(rules) {
		t.Fatalf("%d lines for %d settings:\n%s", len(lines), len(rules), out.String())
	}
	column := strings.Index(lines[0], l.source["broker"])
	for i, key := range sortedKeys(rules) {
		line := lines[i]
		if !strings.HasPrefix(line, key+" ") || !strings.Contains(line, " "+l.Redacted(key)+" ") || line[column:] != l.source[key] {
			t.Errorf("%s: %q, want the source %q in column %d", key, line, l.source[key], column)
		}
	}
}

// TestWriteFails: a full disk or a closed pipe is an error of the command.
func TestWriteFails(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	_ = w.Close()
	if err := load(t, Sources{}).Write(w); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// TestNoSecretIsPrinted: neither what is in force nor an error shows a secret.
func TestNoSecretIsPrinted(t *testing.T) {
	f := func(key, value string) {
		t.Helper()
		var out bytes.Buffer
		l, err := Load(flag(key, value))
		if err != nil {
			out.WriteString(err.Error())
		} else if err := l.Write(&out); err != nil {
			t.Fatal(err)
		}
		if s := out.String(); strings.Contains(s, "s3cret") || !strings.Contains(s, key) {
			t.Errorf("%s=%s makes\n%s", key, value, s)
		}
	}
	f("keys", "s3cret-s3cret-s3cret")
	f("keys", "s3cret")
	f("keys", "s3cret-s3cret-s3cret,s3cret")
	f("broker", "redis://user:s3cret@h:6379/0")
	f("broker", "redis://:s3cret@h:6379/0")
	f("broker", "redis://h:6379/0?password=s3cret")
	f("broker", "redis://user:s3cret@h:6379/zero")
	f("broker", "redis://user:s3cret@ho st")
	f("broker", "redis://user:s3cret%zz@h")
	f("broker", "redis//user:s3cret@h")
	f("broker", "redis:user:s3cret@h")
	f("broker", "redis:/user:s3cret@h")
	f("broker", "user:s3cret@h:6379")
	f("broker", ":s3cret@h")
	f("broker", "redis+sentinel://user:s3cret@a:1,b:2/main?sentinel_password=s3cret")
	f("broker", "rediss+cluster://user:s3cret@[::1]:1,[::2]:2")
	f("broker", "redis-cluster://user:s3cret@a:1")
	f("broker", "unix://user:s3cret@/run/redis.sock?db=s3cret")
	f("broker", "redis://u:s3cret/x@h")
	f("auth.jwks", "https://user:s3cret@issuer.example/jwks")
	f("auth.jwks", "https://issuer.example/jwks?key=s3cret")
	f("auth.jwks", "user:s3cret@issuer.example/jwks")
	f("keys", "file:")
	for _, content := range []string{"keys: {a: s3cret}", "keys: 5.5", "keys: [[s3cret]]", "broker: [redis://:s3cret@h]", "broker: {redis: s3cret}", "s3cret-s3cret"} {
		if got := refused(t, Sources{File: write(t, content)}); strings.Contains(got, "s3cret") {
			t.Errorf("%s makes %s", content, got)
		}
	}
}

// TestRedactedOfNoSetting: a name that is none must not show a section, or all.
func TestRedactedOfNoSetting(t *testing.T) {
	l := load(t, flag("keys", "s3cret-s3cret-s3cret"))
	for _, key := range []string{"", "nothing", "limits", "keys.0"} {
		if got := l.Redacted(key); got != "" {
			t.Errorf("%q is %s", key, got)
		}
	}
}
