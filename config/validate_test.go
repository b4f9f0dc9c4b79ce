package config

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRelations: settings that do not agree, and the remedy.
func TestRelations(t *testing.T) {
	f := func(flags map[string]string, want ...string) {
		t.Helper()
		got := refused(t, Sources{Flags: flags})
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%v: %s; want %q in it", flags, got, w)
			}
		}
	}
	type m = map[string]string
	f(m{"heartbeat.timeout": "25s"}, "heartbeat.timeout: 25s (flag --set heartbeat.timeout): want more than heartbeat.interval, which is 25s")
	f(m{"heartbeat.interval": "2m"}, "heartbeat.timeout: 1m (default): want more than heartbeat.interval, which is 2m")
	f(m{"publish.queue_bytes": "64KiB"}, "want at least limits.message_bytes", "could never be sent")
	f(m{"limits.bytes_per_second": "512KiB"}, `limits.bytes_per_second: 512KiB (flag --set limits.bytes_per_second): want 0 for no limit, or at least limits.message_bytes, which is 1MiB`)
	f(m{"limits.message_bytes": "32MiB"}, "limits.bytes_per_second: 16MiB (default): want 0 for no limit, or at least limits.message_bytes, which is 32MiB")
	f(m{"operator": "127.0.0.1:8000"}, `operator: "127.0.0.1:8000" (flag --operator): want another port`)
	f(m{"operator": ":8000", "keys": "0123456789abcdef"}, "want another port")
	f(m{"operator": "0.0.0.0:8000", "keys": "0123456789abcdef"}, "want another port")
	f(m{"listen": "0.0.0.0:8000"}, `listen: "0.0.0.0:8000" (flag --listen): want a loopback address`, "or set keys")
	f(m{"operator": ":9000", "auth.jwks": "https://issuer.example/jwks"}, "operator", "without an access key", "or set keys or keys_file")
	f(m{"auth.anonymous": "game"}, `auth.anonymous: "game" (flag --set auth.anonymous): want a hub that the setting hubs has, which is [chat]`)
	f(m{"auth.anonymous": "chat,/ws/game/{group}/"}, `auth.anonymous: "/ws/game/{group}/"`)
	f(m{"operator": ":9000"}, "want a loopback address", "or set keys")
	f(m{"listen": "example.com:8000"}, "want a loopback address")
	f(m{"listen": "[::]:8000"}, "want a loopback address")
	f(m{"hubs": "game"}, "routes: /ws/chat/{group}/=chat (default): want a hub that the setting hubs has, which is [game]: add it there")
	f(m{"routes": "/a/{group}=chat,/a/{group}=chat"}, "routes: /a/{group}=chat", "it may fit /a/{group}=chat too")
	f(m{"routes": "/a/{group}/x=chat,/a/b/{group}=chat"}, "it may fit /a/{group}/x=chat too")
	f(m{"routes": "/a/{group}=chat", "echo": "/a/b"}, `echo: "/a/b" (flag --set echo): want a path that no route has; /a/{group}=chat has it`)
	load(t, Sources{Flags: m{"limits.bytes_per_second": "0", "limits.message_bytes": "32MiB"}})
	load(t, Sources{Flags: m{"limits.bytes_per_second": "1MiB"}})
	load(t, Sources{Flags: m{"listen": "127.0.0.1:0", "operator": "127.0.0.1:0"}})
	load(t, Sources{Flags: m{"listen": ":8000", "auth.jwks": "https://issuer.example/jwks"}})
	load(t, Sources{Flags: m{"listen": ":8000", "auth.public_keys": "a.pem"}})
	load(t, Sources{Flags: m{"listen": ":8000", "operator": ":9000", "keys_file": "keys"}})
	load(t, Sources{Flags: m{"listen": ":8000", "operator": ":9000", "keys": "file:keys"}})
	load(t, Sources{Flags: m{"auth.anonymous": "Chat,/ws/chat/{group}/"}})
	load(t, Sources{Flags: m{"listen": "127.0.0.1:80", "operator": "127.0.0.2:80"}})
	load(t, Sources{Flags: m{"routes": "/a/{group}=chat", "echo": "/a"}})
}

// TestRoutesMount: net/http's ServeMux panics when patterns conflict, so what is
// accepted here must be mountable as the server mounts it, in any order.
func TestRoutesMount(t *testing.T) {
	paths := []string{
		"/a/{group}", "/a/{group}/", "/a/b/{group}", "/a/{group}/b", "/a/{group}/b/", "/b/{group}",
		"/a/c/{group}/", "/a/{group}/c/d", "/a/b/{group}/d", "/b/{group}/x/", "/b/{group}/x",
	}
	accepted := 0
	for _, first := range paths {
		for _, second := range paths {
			l, err := Load(flag("routes", first+"=chat,"+second+"=chat"))
			if err != nil {
				continue
			}
			accepted++
			mux := http.NewServeMux()
			for _, r := range l.Config.Routes {
				pattern := r.Path
				if strings.HasSuffix(pattern, "/") {
					pattern += "{$}"
				}
				mux.HandleFunc(pattern, http.NotFound)
			}
		}
	}
	if accepted < len(paths) {
		t.Errorf("only %d pairs of %d paths were accepted", accepted, len(paths))
	}
}

// TestValidate: a Config that nobody loaded is held to the same rules.
func TestValidate(t *testing.T) {
	f := func(change func(*Config), want string) {
		t.Helper()
		c := load(t, Sources{}).Config
		change(&c)
		errs := c.Validate()
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("got %v, want one error with %q", errs, want)
		}
	}
	f(func(c *Config) { c.Workers = 0 }, "setting workers: 0 (as given): want a whole number from 1 to 256")
	f(func(c *Config) { c.Redis.Probe = time.Hour }, "setting redis.probe: 1h (as given): want a time from")
	f(func(c *Config) { c.Redis.WaitReplicas, c.Redis.WaitTimeout = 1, c.Publish.Timeout }, "setting redis.wait_timeout: 1s (as given): want less than publish.timeout")
	f(func(c *Config) { c.Limits.HeaderBytes = 1 << 30 }, "setting limits.header_bytes: 1GiB")
	f(func(c *Config) { c.Keys = []string{"short-secret"} }, "setting keys: (1 hidden)")
	f(func(c *Config) { c.Routes = []Route{{"/x", "chat"}} }, "setting routes: [/x=chat]")
	f(func(c *Config) { c.Routes = []Route{{"/x/{group}", "game"}} }, "want a hub that the setting hubs has")
	f(func(c *Config) { c.Listen = "127.0.0.1:http" }, `setting listen: "127.0.0.1:http" (as given): want an address`)
	c := load(t, Sources{}).Config
	if errs := c.Validate(); len(errs) > 0 {
		t.Errorf("the defaults are wrong: %v", errs)
	}
	var none Config
	if errs := none.Validate(); len(errs) < 20 {
		t.Errorf("an empty Config has only %d errors", len(errs))
	}
}
