package config

import (
	"strings"
	"testing"
)

// TestRefusals: a value that a setting may not have is an error of one line, which
// names the setting, the value, where it came from and what it may be.
func TestRefusals(t *testing.T) {
	f := func(key, value, want string) {
		t.Helper()
		got := refused(t, flag(key, value))
		if !strings.HasPrefix(got, "setting "+key+": ") || !strings.Contains(got, "("+flagSource(key)+"): want ") || !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s=%s: %s; want %q in it", key, value, got, want)
		}
	}
	f("workers", "0", `"0" (flag --workers): want a whole number from 1 to 256`)
	f("workers", "257", "1 to 256")
	f("workers", "two", "a whole number")
	f("workers", "", "a whole number")
	f("workers", "2.5", "a whole number")
	f("workers", "99999999999999999999", "a whole number")
	f("workers", strings.Repeat("9", 1000), "…")
	f("workers", "1\n2", `"1\n2"`)
	f("pool.size", "4097", "0 to 4096")
	f("capacity", "1000001", "1 to 1000000")
	f("limits.message_bytes", "1023", "a size from 1KiB to 64MiB")
	f("limits.message_bytes", "65MiB", "a size from 1KiB to 64MiB")
	f("limits.message_bytes", "many", "a size from")
	f("limits.message_bytes", "-64KiB", "a size from")
	f("limits.message_bytes", "1e30", "a size from")
	f("limits.messages_per_second", "10000001", "0 to 10000000")
	f("limits.messages_per_second", "-1", "0 to 10000000")
	f("limits.bytes_per_second", "2GiB", "a size from 0B to 1GiB")
	f("limits.groups", "0", "1 to 100000000")
	f("limits.idle_timeout", "999ms", "a time from 1s to 1h")
	f("group_expiry", "soon", "a time from 1s to 87600h")
	f("group_expiry", "-1", "a time from")
	f("group_expiry", "NaN", "a time from")
	f("group_expiry", "1e300", "a time from")
	f("shutdown.timeout", "NaN", "a time from 0s to 1h")
	f("shutdown.timeout", "-Inf", "a time from 0s to 1h")
	f("demo", "maybe", "true or false")
	f("log.level", "loud", "debug, info, warn, error")
	f("log.format", "xml", "text, json")
	f("redis.prefix", "a:b", "letters, digits")
	f("redis.prefix", "", "letters, digits")
	f("hubs", "", "at least one name")
	f("hubs", "1st", "at least one name")
	f("hubs", "a"+strings.Repeat("b", 128), "1 to 128")
	f("keys", "short", "16 bytes")
	f("keys", "0123456789abcdef,short", "openssl rand -hex 32")
}

// TestAddresses: what cannot be listened on is refused before it is tried.
func TestAddresses(t *testing.T) {
	f := func(address string) {
		t.Helper()
		if got := refused(t, flag("listen", address)); !strings.Contains(got, "want an address such as") {
			t.Errorf("%s: %s", address, got)
		}
	}
	f("8000")
	f("127.0.0.1")
	f("127.0.0.1:")
	f("127.0.0.1:http")
	f("127.0.0.1:65536")
	f("foo bar:8000")
	f("::1:8000")
	f("http://127.0.0.1:8000")
}

// TestOrigins: an origin that no browser would send could never match.
func TestOrigins(t *testing.T) {
	f := func(origin string) {
		t.Helper()
		if got := refused(t, flag("origins", origin)); !strings.Contains(got, "without a path") {
			t.Errorf("%s: %s", origin, got)
		}
	}
	f("example.com")
	f("https://example.com/")
	f("https://example.com/chat")
	f("https://user@example.com")
	f("https://example.com?x")
	f("https://example.com:99999")
	f("https://:443")
	f("https://example.com:")
	f("https://*")
	f("https://*.com")
	f("https://*example.com")
	f("https://a.*.example.com")
	f("https://*.*.example.com")
	f("https://*.127.0.0.1")
	f("https://*.[::1]")
	f("null")
}

// TestNetworks: a network that says more than one thing could be meant either way.
func TestNetworks(t *testing.T) {
	f := func(network string) {
		t.Helper()
		if got := refused(t, flag("proxies.trusted", network)); !strings.Contains(got, "want networks such as") {
			t.Errorf("%s: %s", network, got)
		}
	}
	f("10.0.0.7/8")
	f("10.0.0.0/33")
	f("10.0.0")
	f("::ffff:10.0.0.0/104")
	f("fe80::1%eth0")
	f("localhost")
	f("*")
	f("127.0.0.1:80")
	if got := refused(t, flag("tls.cert_file", "a.pem")); !strings.Contains(got, "want both tls.cert_file and tls.key_file") {
		t.Error(got)
	}
	if got := refused(t, flag("tls.operator", "true")); !strings.Contains(got, "want a certificate in tls.cert_file") {
		t.Error(got)
	}
	if got := refused(t, flag("proxies.protocol", "true")); !strings.Contains(got, "want the proxies' addresses in proxies.trusted") {
		t.Error(got)
	}
}

// TestRoutes: a path that hides the gateway's own, or that nobody could ask for.
func TestRoutes(t *testing.T) {
	f := func(path string) {
		t.Helper()
		if got := refused(t, flag("routes", path+"=chat")); !strings.Contains(got, "want paths that begin") {
			t.Errorf("%s: %s", path, got)
		}
	}
	f("ws/{group}")
	f("/ws/chat")
	f("/{group}")
	f("/{group}/")
	f("/a/{group}/{group}")
	f("/a/x{group}")
	f("/a/{group}x")
	f("/a/{hub}/{group}")
	f("/a//{group}")
	f("/a/../{group}")
	f("/a/{group}/./")
	f("/a b/{group}")
	f("/healthz/{group}")
	f("/readyz/{group}")
	f("/api/{group}")
	f("/metrics/{group}")
	f("/client/hubs/{group}")
	for _, echo := range []string{"/", "echo", "/client/x", "/healthz", "/metrics/", "/echo/{group}", "//"} {
		if got := refused(t, flag("echo", echo)); !strings.Contains(got, "a path such as /echo") {
			t.Errorf("%s: %s", echo, got)
		}
	}
	for _, routes := range []string{"/a/{group}", "/a/{group}=", "/a/{group}=1st"} {
		refused(t, flag("routes", routes))
	}
}

// TestBrokers: a URL that no client could open.
func TestBrokers(t *testing.T) {
	f := func(url string) {
		t.Helper()
		if got := refused(t, flag("broker", url)); !strings.Contains(got, "want memory, or a URL") {
			t.Errorf("%s: %s", url, got)
		}
	}
	f("")
	f("Memory")
	f("localhost:6379")
	f("kafka://h")
	f("redis:///0")
	f("redis://h/zero")
	f("redis://h/-1")
	f("redis://h:99999")
	f("redis://h:port")
	f("unix://h/run/redis.sock")
	f("unix:///")
	f("redis-sentinel://h/main")
	f("redis-cluster://h")
	f("redis+sentinel://h")
	f("redis+sentinel://h,:1/main")
	f("redis+sentinel://h:99999/main")
	f("redis+cluster://")
	f("redis+cluster://a,b:port")
	f("redis+cluster://u%zz@a")
}

// TestNearest: an unknown setting's error names the one that was meant.
func TestNearest(t *testing.T) {
	f := func(key, want string) {
		t.Helper()
		if got := refused(t, flag(key, "2")); !strings.HasPrefix(got, "unknown setting ") || !strings.Contains(got, "did you mean "+want+"? gateway config lists all") {
			t.Errorf("%.50s: %.500s; want %s", key, got, want)
		}
	}
	f("wokers", "workers")
	f("Workers", "workers")
	f("message_bytes", "limits.message_bytes")
	f("limits.messagebytes", "limits.message_bytes")
	f("limits_connections", "limits.connections")
	f("heartbeat.intervall", "heartbeat.interval")
	f("keys.0", "keys")
	f("line\nbreak", "listen")
	f(strings.Repeat("x", 100_000), "auth.close_at_expiry")
	if got := refused(t, flag("limits", "2")); !strings.HasPrefix(got, "setting limits (flag --set): it is a section") || !strings.Contains(got, "did you mean limits.") {
		t.Errorf("a section: %s", got)
	}
}
