package config

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// rules is every setting, one line each. default.yaml and Config have the same
// keys; a test sees to it.
var rules = map[string]rule{
	"listen":   text("an address such as 127.0.0.1:8000 or :8000; port 0 takes a free port", validAddress),
	"operator": text("an address such as 127.0.0.1:9000; port 0 takes a free port", validAddress),
	"demo":     boolean(),
	"echo":     text(`a path such as /echo that no other route has, or ""`, func(s string) bool { return s == "" || validPath(s) }),
	"hubs":     list("at least one name of letters, digits and _`,.[] that begins with a letter", 1, validHub),
	"routes":   routeList(),
	"keys":     list("keys of at least 16 bytes each, such as those of: openssl rand -hex 32", 0, func(s string) bool { return len(s) >= 16 }),
	"origins":  list(`origins such as https://example.com or http://localhost:3000, or "*"`, 0, validOrigin),

	"workers":    integer(1, 256),
	"pool.size":  integer(0, 4096),
	"pool.queue": integer(1, 1_000_000),

	"broker":                 text("memory, or a URL such as redis://127.0.0.1:6379/0 or rediss://user:password@host:6379/0", validBroker),
	"capacity":               integer(1, 1_000_000),
	"group_expiry":           duration(time.Second, 10*365*24*time.Hour),
	"publish.queue_messages": integer(1, 10_000_000),
	"publish.queue_bytes":    size(1<<10, 64<<30),
	"publish.timeout":        duration(10*time.Millisecond, time.Minute),
	"redis.prefix":           text("1 to 64 letters, digits, - or _", regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`).MatchString),
	"redis.sweep":            duration(time.Second, time.Hour),
	"redis.probe":            duration(100*time.Millisecond, time.Minute),

	"limits.connections":           integer(1, 10_000_000),
	"limits.handshakes":            integer(1, 100_000),
	"limits.handshake_timeout":     duration(100*time.Millisecond, 10*time.Minute),
	"limits.header_bytes":          size(1<<10, 1<<20),
	"limits.body_bytes":            size(1<<10, 64<<20),
	"limits.message_bytes":         size(1<<10, 64<<20),
	"limits.message_fragments":     integer(1, 10_000_000),
	"limits.send_buffer_bytes":     size(4<<10, 1<<30),
	"limits.socket_buffer_bytes":   size(4<<10, 16<<20),
	"limits.groups_per_connection": integer(1, 1_000_000),
	"limits.group_name_bytes":      integer(1, 1024),
	"limits.worker_queue":          integer(64, 10_000_000),

	"heartbeat.interval": duration(100*time.Millisecond, time.Hour),
	"heartbeat.timeout":  duration(200*time.Millisecond, 24*time.Hour),
	"log.level":          word("debug", "info", "warn", "error"),
	"log.format":         word("text", "json"),
	"shutdown.timeout":   duration(0, time.Hour),
}

// aliases are the variables of a Django Channels deployment.
var aliases = map[string]string{
	"UVICORN_WORKERS":            "workers",
	"CHANNEL_LAYER_CAPACITY":     "capacity",
	"CHANNEL_LAYER_GROUP_EXPIRY": "group_expiry",
	"REDIS_URL":                  "broker",
}

func validAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n <= 65535
}

var hubName = regexp.MustCompile("^[a-zA-Z][a-zA-Z0-9_`,.\\[\\]]{0,127}$")

func validHub(s string) bool { return hubName.MatchString(s) }

// fixedPaths are the gateway's own; no route may hide them.
var fixedPaths = []string{"/client/", "/healthz", "/readyz", "/api/", "/metrics", "/debug/"}

var segment = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)

// validPath is a path of plain segments that hides nothing of ours.
func validPath(s string) bool {
	path, ok := strings.CutPrefix(s, "/")
	path = strings.TrimSuffix(path, "/")
	if !ok || path == "" {
		return false
	}
	for _, fixed := range fixedPaths {
		if strings.HasPrefix(s+"/", strings.TrimSuffix(fixed, "/")+"/") {
			return false
		}
	}
	for part := range strings.SplitSeq(path, "/") {
		if part != "{group}" && !segment.MatchString(part) {
			return false
		}
	}
	return true
}

// validRoute is a path with {group} in it once, but not as its first segment:
// such a route would hide every other path.
func validRoute(s string) bool {
	return validPath(s) && strings.Count(s, "/{group}") == 1 && !strings.HasPrefix(s, "/{group}")
}

func validOrigin(s string) bool {
	if s == "*" {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Path == "" && u.RawQuery == "" && u.User == nil
}

func validBroker(s string) bool {
	if s == "memory" {
		return true
	}
	u, err := url.Parse(s)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "redis", "rediss", "redis-sentinel", "redis-cluster":
		return u.Host != ""
	}
	return false
}
