package config

import (
	"strings"
	"testing"
)

// TestFiles: what a file may look like.
func TestFiles(t *testing.T) {
	f := func(content, key, want string) {
		t.Helper()
		if got := load(t, Sources{File: write(t, content)}).Redacted(key); got != want {
			t.Errorf("%q: %s is %s, want %s", content, key, got, want)
		}
	}
	f("", "workers", "2")
	f("# nothing yet\n", "workers", "2")
	f("---\nworkers: 3\n", "workers", "3")
	f("workers: 3\n...\n", "workers", "3")
	f("workers: '3'", "workers", "3")
	f("limits:\n#  connections: 5\n", "limits.connections", "15000")
	f("limits: {}", "limits.connections", "15000")
	f("limits.connections: 5", "limits.connections", "5")
	f("limits.connections: 5\nlimits: {handshakes: 6}", "limits.connections", "5")
	f("group_expiry: 3600", "group_expiry", "1h")
	f("limits: {message_bytes: 65536}", "limits.message_bytes", "64KiB")
	f("hubs: chat, game", "hubs", "[chat, game]")
	f("hubs: [chat, Game]", "hubs", "[chat, game]")
	f("keys:", "keys", "[]")
	f("keys: [0123456789abcdefg, 'fedcba9876543210']", "keys", "(2 hidden)")
	f("routes: [{path: '/a/{group}', hub: Chat}]", "routes", "[/a/{group}=chat]")
	f("routes:\n  - /a/{group}=chat\n", "routes", "[/a/{group}=chat]")
	f("routes: /a/{group}=chat", "routes", "[/a/{group}=chat]")
	f("log: &l {level: warn}\n", "log.level", `"warn"`)
	f(string(defaults), "workers", "2")
}

// TestWrongFiles: each error names the file and the line.
func TestWrongFiles(t *testing.T) {
	f := func(content, want string) {
		t.Helper()
		file := write(t, content)
		got := refused(t, Sources{File: file})
		if want = strings.ReplaceAll(want, "FILE", "file "+file); !strings.Contains(got, want) {
			t.Errorf("%q: %s\nwant %s", content, got, want)
		}
	}
	f("workers: 2.5", "workers: 2.5 (FILE:1): want a whole number")
	f("\n\nworkers:\n", "workers: nothing (FILE:3): want a whole number")
	f("workers: {a: 1}", `unknown setting "workers.a" (FILE:1): did you mean workers?`)
	f("workers: [1]", "workers: [1] (FILE:1): want a whole number")
	f("limit: {connections: 2}", `unknown setting "limit.connections" (FILE:1): did you mean limits.connections?`)
	f("demo: true\nlimits:\n  conections: 2", `unknown setting "limits.conections" (FILE:3): did you mean limits.connections?`)
	f("limits: 3", "setting limits (FILE:1): it is a section and has no value of its own: did you mean limits.")
	f("limits: [connections]", "setting limits (FILE:1): it is a section")
	f("1: 2", `unknown setting "1" (FILE:1)`)
	f("demo: yes", `demo: "yes" (FILE:1): want true or false`)
	f("keys: [1234567890123456]", "in quotes if all are digits")
	f("hubs: {chat: true}", `unknown setting "hubs.chat"`)
	f("routes: [{path: '/a/{group}'}]", `routes: [{"path":"/a/{group}"}] (FILE:1): want paths`)
	f("routes: [{path: '/a/{group}', hub: chat, hup: chat}]", "want paths")
	f("routes: ['/a/{group}=chat,/b/{group}=chat']", "want paths")
	f("routes: [5]", "want paths")
	f("workers: 2\nworkers: 3", `FILE: want settings as valid YAML: line 2: "workers" stands there already, in line 1`)
	f("limits:\n  connections: 2\nlimits.connections: 3", `line 3: "limits.connections" stands there already, in line 2`)
	f("limits: {connections: 2, connections: 3}", `line 1: "limits.connections" stands there already, in line 1`)
	f("routes: [{path: '/a/{group}', path: '/b/{group}', hub: chat}]", `mapping key "path" already defined`)
	f("workers: 2\n---\nworkers: 3", "line 2: a second document begins")
	f("workers: 2\n---\n[", "FILE: want settings as valid YAML")
	f("demo: true\nworkers: [", "FILE: want settings as valid YAML: line 2")
	f("- workers", "line 1: want settings, each with its value")
	f("a-secret-that-is-alone", "line 1: want settings, each with its value")
	f("log: &l {level: warn}\nheartbeat: *l", `unknown setting "heartbeat.level" (FILE:2)`)
	f("a: &a [*a]", "FILE: want settings as valid YAML")
}
