package config

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// rules is every setting, one line each. default.yaml and Config have the same
// keys; a test sees to it.
var rules = map[string]rule{
	"listen":    text("an address such as 127.0.0.1:8000 or :8000; port 0 takes a free port", validAddress),
	"operator":  text("an address such as 127.0.0.1:9000; port 0 takes a free port", validAddress),
	"demo":      boolean(),
	"echo":      text(`a path such as /echo that is not the gateway's own, or "" for none`, func(s string) bool { return s == "" || validPath(s) }),
	"hubs":      lowerList("at least one name of 1 to 128 letters, digits and _`,.[] that begins with a letter", 1, validHub),
	"routes":    routeList(),
	"keys":      secret(list("keys of at least 16 bytes each, in quotes if all are digits, such as those of: openssl rand -hex 32; or file:PATH of a file with some", 0, validAccessKey)),
	"keys_file": text(`the path of a file, or "" for none`, func(string) bool { return true }),
	"origins":   list(`origins such as https://example.com, https://*.example.com or http://localhost:3000, without a path, or "*" for any`, 0, validOrigin),

	"auth.public_keys":     list("paths of files in PEM", 0, func(string) bool { return true }),
	"auth.jwks":            keySetURL(),
	"auth.jwks_refresh":    duration(10*time.Second, 24*time.Hour),
	"auth.issuers":         list("issuers as their tokens have them in iss", 0, func(string) bool { return true }),
	"auth.audiences":       list("audiences as tokens have them in aud, with {hub} where they have the hub's name", 0, func(string) bool { return true }),
	"auth.clock_skew":      duration(0, time.Hour),
	"auth.revoked_for":     duration(time.Minute, 87600*time.Hour),
	"auth.require_expiry":  boolean(),
	"auth.close_at_expiry": boolean(),
	"auth.anonymous":       list("names of hubs and paths of routes, as the settings hubs and routes have them", 0, func(s string) bool { return validHub(s) || validRoute(s) }),
	"auth.anonymous_roles": list("roles such as webpubsub.joinLeaveGroup, webpubsub.sendToGroup.GROUP or webpubsub.sendToGroups.PATTERN", 0, validRole),

	"proxies.trusted":  list("networks such as 10.0.0.0/8 or 2001:db8::/32, or addresses", 0, validNetwork),
	"proxies.header":   word("x-forwarded-for", "forwarded"),
	"proxies.protocol": boolean(),

	"tls.cert_file": text(anyFile, anything),
	"tls.key_file":  text(anyFile, anything),
	"tls.operator":  boolean(),

	"workers":    integer(1, 256),
	"pool.size":  integer(0, 4096),
	"pool.queue": integer(1, 1_000_000),

	"broker":                 brokerURL(),
	"capacity":               integer(1, 1_000_000),
	"group_expiry":           duration(time.Second, 10*365*24*time.Hour),
	"publish.queue_messages": integer(1, 10_000_000),
	"publish.queue_bytes":    size(1<<10, 64<<30),
	"publish.timeout":        duration(10*time.Millisecond, time.Minute),
	"redis.prefix":           text("1 to 64 letters, digits, - or _", regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`).MatchString),
	"memory.bytes":           size(1<<20, 1<<40),
	"redis.sweep":            duration(time.Second, time.Hour),
	"redis.probe":            duration(100*time.Millisecond, time.Minute),
	"redis.wait_replicas":    integer(0, 10),
	"redis.wait_timeout":     duration(10*time.Millisecond, time.Second),
	"redis.tls.ca_file":      text(anyFile, anything),
	"redis.tls.cert_file":    text(anyFile, anything),
	"redis.tls.key_file":     text(anyFile, anything),

	"compression.enabled":   boolean(),
	"compression.min_bytes": size(64, 64<<20),

	"presence.groups": list(`patterns of group names such as room.* or team-?.**: at most 1024 bytes and 5 stars each, a backslash only before *, ? or itself`, 0, validPattern),

	"limits.connections":             integer(1, 10_000_000),
	"limits.handshakes":              integer(1, 100_000),
	"limits.connections_per_address": integer(0, 10_000_000),
	"limits.connections_per_user":    integer(0, 10_000_000),
	"limits.handshakes_per_second":   integer(0, 1_000_000),
	"limits.handshake_queue":         integer(0, 10_000_000),
	"limits.handshake_timeout":       duration(100*time.Millisecond, 10*time.Minute),
	"limits.idle_timeout":            duration(time.Second, time.Hour),
	"limits.header_bytes":            size(1<<10, 1<<20),
	"limits.body_bytes":              size(1<<10, 64<<20),
	"limits.message_bytes":           size(1<<10, 64<<20),
	"limits.message_fragments":       integer(1, 10_000_000),
	"limits.messages_per_second":     integer(0, 10_000_000),
	"limits.bytes_per_second":        size(0, 1<<30),
	"limits.send_buffer_bytes":       size(4<<10, 1<<30),
	"limits.socket_buffer_bytes":     size(4<<10, 16<<20),
	"limits.groups_per_connection":   integer(1, 1_000_000),
	"limits.groups":                  integer(1, 100_000_000),
	"limits.group_name_bytes":        integer(1, 1024),
	"limits.worker_queue":            integer(64, 10_000_000),

	"limits.unacked_messages":  integer(1024, 10_000_000),
	"limits.detached_sessions": integer(1, 10_000_000),

	"session.expiry":     duration(time.Second, 24*time.Hour),
	"session.checkpoint": duration(100*time.Millisecond, time.Minute),

	"heartbeat.interval": duration(100*time.Millisecond, time.Hour),
	"heartbeat.timeout":  duration(200*time.Millisecond, 24*time.Hour),
	"log.level":          word("debug", "info", "warn", "error"),
	"log.format":         word("text", "json"),
	"drain.delay":        duration(0, time.Hour),
	"drain.window":       duration(0, time.Hour),
	"shutdown.timeout":   duration(0, time.Hour),
}

// isSection reports whether settings stand below a key.
func isSection(key string) bool {
	for known := range rules {
		if strings.HasPrefix(known, key+".") {
			return true
		}
	}
	return false
}

// sortedKeys is the keys of a map in order, so that what is printed does not change
// from run to run.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// secret is a list that nobody may see.
func secret(r rule) rule {
	r.hide = func(any) string { return "(hidden)" }
	r.show = func(value any) string {
		if items, ok := value.([]string); ok && len(items) > 0 {
			return fmt.Sprintf("(%d hidden)", len(items))
		}
		return "[]"
	}
	return r
}

// anyFile is what a setting that names a file wants. Whether it is there and what is in
// it is for whoever opens it to say.
const anyFile = `the path of a PEM file, or "" for none`

func anything(string) bool { return true }

// brokerURL is memory or a URL, whose password nobody may see.
func brokerURL() rule {
	r := text("memory, or a URL such as redis://127.0.0.1:6379/0, rediss://user:password@host:6379/0, redis+sentinel://user:password@h1:26379,h2:26379/mymaster?db=0 or redis+cluster://user:password@h1:6379,h2:6379, with special characters in the password percent-encoded, or file:PATH of a file with one", validBroker)
	r.show, r.hide = hidePassword, hidePassword
	return r
}

// hubName is what Azure Web PubSub, whose clients may connect here, allows.
var hubName = regexp.MustCompile("^[a-zA-Z][a-zA-Z0-9_`,.\\[\\]]{0,127}$")

// validHub takes upper case too: clients write hubs in any case, and so may the
// operator.
func validHub(s string) bool { return hubName.MatchString(s) }
