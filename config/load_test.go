package config

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLayers: each layer overrides the one before, and the source is told.
func TestLayers(t *testing.T) {
	file := write(t, "workers: 3\ncapacity: 30\nlimits:\n  message_bytes: 64KiB\nredis: {probe: 3}\n")
	f := func(s Sources, key, value, source string) {
		t.Helper()
		l := load(t, s)
		if got := l.Redacted(key); got != value || l.source[key] != source {
			t.Errorf("%s is %s from %s, want %s from %s", key, got, l.source[key], value, source)
		}
	}
	f(Sources{}, "workers", "2", "default")
	f(Sources{File: file}, "demo", "true", "default")
	f(Sources{File: file}, "workers", "3", "file "+file+":1")
	f(env("TIDEGATE_CONFIG="+file), "workers", "3", "file "+file+":1")
	f(Sources{File: file, Environ: []string{"TIDEGATE_CONFIG=/absent"}}, "workers", "3", "file "+file+":1")
	f(Sources{File: file}, "limits.message_bytes", "64KiB", "file "+file+":4")
	f(Sources{File: file}, "redis.probe", "3s", "file "+file+":5")
	f(Sources{File: file, Environ: []string{"TIDEGATE_WORKERS=4"}}, "workers", "4", "environment TIDEGATE_WORKERS")
	f(Sources{File: file, Environ: []string{"UVICORN_WORKERS=5"}}, "workers", "5", "environment UVICORN_WORKERS (alias)")
	f(Sources{Environ: []string{"TIDEGATE_WORKERS=4"}, Flags: map[string]string{"workers": "6"}}, "workers", "6", "flag --workers")
	f(flag("capacity", "7"), "capacity", "7", "flag --set capacity")
}

// TestSpellings: what a setting may be written as, and what it then is.
func TestSpellings(t *testing.T) {
	f := func(key, value, want string) {
		t.Helper()
		if got := load(t, flag(key, value)).Redacted(key); got != want {
			t.Errorf("%s=%s is %s, want %s", key, value, got, want)
		}
	}
	f("group_expiry", "86400", "24h")
	f("group_expiry", "90m", "1h30m")
	f("redis.probe", "1.5", "1.5s")
	f("redis.probe", " 250ms ", "250ms")
	f("shutdown.timeout", "0", "0s")
	f("limits.message_bytes", "65536", "64KiB")
	f("limits.message_bytes", "64k", "64KiB")
	f("limits.message_bytes", "0.5 MiB", "512KiB")
	f("limits.message_bytes", "1048575", "1048575")
	f("publish.queue_bytes", "64GiB", "64GiB")
	f("workers", " 8 ", "8")
	f("demo", "0", "false")
	f("hubs", "Chat, game,", "[chat, game]")
	f("hubs", "chat,Chat", "[chat]")
	f("routes", "/a/{group}=Chat, /b/{group}/x=chat", "[/a/{group}=chat, /b/{group}/x=chat]")
	f("routes", "/a/{group}=chat,/a/{group}/=chat", "[/a/{group}=chat, /a/{group}/=chat]")
	f("routes", "", "[]")
	f("origins", "https://example.com,https://*.example.com:8443,http://*.localhost,http://localhost:3000,capacitor://localhost,*", "[https://example.com, https://*.example.com:8443, http://*.localhost, http://localhost:3000, capacitor://localhost, *]")
	f("keys", "0123456789abcdef", "(1 hidden)")
	f("echo", "/echo", `"/echo"`)
	f("listen", "[::1]:0", `"[::1]:0"`)
	f("listen", "localhost:80", `"localhost:80"`)
	f("broker", "redis+sentinel://a:26379,b:26379/main", `"redis+sentinel://a:26379,b:26379/main"`)
	f("broker", "redis+cluster://a:1,b", `"redis+cluster://a:1,b"`)
	f("broker", "unix:///run/redis.sock", `"unix:///run/redis.sock"`)
	f("broker", "redis://h", `"redis://h"`)
	f("broker", "rediss://h:6380/", `"rediss://h:6380/"`)
}

// TestKeysOpenTheListeners: with an access key other addresses are allowed.
func TestKeysOpenTheListeners(t *testing.T) {
	c := load(t, Sources{Flags: map[string]string{"listen": ":8000", "operator": "10.0.0.1:9000", "keys": "0123456789abcdef"}}).Config
	if c.Listen != ":8000" || c.Operator != "10.0.0.1:9000" {
		t.Errorf("the listeners are %s and %s", c.Listen, c.Operator)
	}
}

// TestAllErrorsAtOnce: every layer's mistakes come in one answer, one a line, and
// one mistake does not make a second error of what depends on it.
func TestAllErrorsAtOnce(t *testing.T) {
	file := write(t, "workers: 0\nheartbeat:\n  interval: soon\n  timeout: 5s\nhubs: [1st]\n")
	got := refused(t, Sources{
		File:    file,
		Environ: []string{"TIDEGATE_CAPACITY=0", "TIDEGATE_WORKER=1"},
		Flags:   map[string]string{"pool.queue": "0", "limits.send_buffer_bytes": "1KiB"},
	})
	want := []string{
		"setting heartbeat.interval: \"soon\" (file " + file + ":3): want a time from 100ms to 1h, such as 500ms or a number of seconds",
		"setting hubs: [\"1st\"] (file " + file + ":5): want at least one name",
		"setting workers: 0 (file " + file + ":1): want a whole number from 1 to 256",
		"setting capacity: \"0\" (environment TIDEGATE_CAPACITY): want a whole number from 1 to 1000000",
		"unknown variable \"TIDEGATE_WORKER\" (environment): did you mean TIDEGATE_WORKERS?",
		"setting limits.send_buffer_bytes: \"1KiB\" (flag --set limits.send_buffer_bytes): want a size from 4KiB to 1GiB",
		"setting pool.queue: \"0\" (flag --set pool.queue): want",
	}
	lines := strings.Split(got, "\n")
	if !slices.EqualFunc(lines, want, strings.HasPrefix) {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// TestUnreadableFile: the error says which file, and what names it.
func TestUnreadableFile(t *testing.T) {
	for _, s := range []Sources{
		{File: filepath.Join(t.TempDir(), "absent.yaml")},
		{File: t.TempDir()},
		{Environ: []string{"TIDEGATE_CONFIG=absent.yaml"}},
	} {
		got := refused(t, s)
		if !strings.Contains(got, "cannot be read") || !strings.Contains(got, "--config or TIDEGATE_CONFIG names it") {
			t.Errorf("%+v: %s", s, got)
		}
	}
}
