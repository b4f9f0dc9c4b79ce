package config

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// write makes a file of settings.
func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tidegate.yaml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func load(t *testing.T, s Sources) *Loaded {
	t.Helper()
	l, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDefaults(t *testing.T) {
	c := load(t, Sources{}).Config
	if c.Workers != 2 || c.Listen != "127.0.0.1:8000" || c.GroupExpiry != 86400*time.Second || c.Limits.MessageBytes != 1<<20 {
		t.Errorf("the defaults are %+v", c)
	}
	if !reflect.DeepEqual(c.Routes, []Route{{"/ws/chat/{group}/", "chat"}}) || !slices.Equal(c.Hubs, []string{"chat"}) {
		t.Errorf("routes %v, hubs %v", c.Routes, c.Hubs)
	}
}

// fields are the keys of a struct's settings.
func fields(t reflect.Type, prefix string) (keys []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		key := prefix + f.Tag.Get("koanf")
		if f.Type.Kind() == reflect.Struct {
			keys = append(keys, fields(f.Type, key+".")...)
		} else {
			keys = append(keys, key)
		}
	}
	return keys
}

// TestOneListOfSettings: Config, the rules and default.yaml have the same keys,
// and each of them has a comment in the file.
func TestOneListOfSettings(t *testing.T) {
	inStruct := fields(reflect.TypeFor[Config](), "")
	slices.Sort(inStruct)
	if inRules := slices.Sorted(maps.Keys(rules)); !slices.Equal(inStruct, inRules) {
		t.Errorf("the struct has %v\nthe rules have %v", inStruct, inRules)
	}
	if inFile := slices.Sorted(maps.Keys(load(t, Sources{}).source)); !slices.Equal(inStruct, inFile) {
		t.Errorf("the struct has %v\ndefault.yaml has %v", inStruct, inFile)
	}
	var names []string
	for key := range rules {
		names = append(names, variableOf(key))
	}
	slices.Sort(names)
	if n := len(slices.Compact(names)); n != len(rules) {
		t.Errorf("%d settings have %d variables", len(rules), n)
	}
}

// TestLayers: each layer overrides the one before, and the source is told.
func TestLayers(t *testing.T) {
	file := write(t, "workers: 3\ncapacity: 30\nlimits:\n  message_bytes: 64KiB\nredis: {probe: 3}\n")
	f := func(s Sources, key, value, source string) {
		t.Helper()
		l := load(t, s)
		if got := l.Redacted(key); got != value || !strings.HasPrefix(l.source[key], source) {
			t.Errorf("%s is %s from %s, want %s from %s", key, got, l.source[key], value, source)
		}
	}
	f(Sources{}, "workers", "2", "default")
	f(Sources{File: file}, "workers", "3", "file "+file)
	f(Sources{Environ: []string{"TIDEGATE_CONFIG=" + file}}, "workers", "3", "file "+file)
	f(Sources{File: file}, "redis.probe", "3s", "file")
	f(Sources{File: file}, "limits.message_bytes", "65536", "file")
	f(Sources{File: file, Environ: []string{"TIDEGATE_WORKERS=4"}}, "workers", "4", "environment TIDEGATE_WORKERS")
	f(Sources{File: file, Environ: []string{"UVICORN_WORKERS=5"}}, "workers", "5", "environment UVICORN_WORKERS (alias)")
	f(Sources{Environ: []string{"UVICORN_WORKERS=5", "TIDEGATE_WORKERS=4"}}, "workers", "4", "environment TIDEGATE_WORKERS")
	f(Sources{Environ: []string{"TIDEGATE_WORKERS=4"}, Flags: map[string]string{"workers": "6"}}, "workers", "6", "flag")
	f(Sources{Environ: []string{"CHANNEL_LAYER_GROUP_EXPIRY=3600"}}, "group_expiry", "1h0m0s", "environment")
	f(Sources{Environ: []string{"CHANNEL_LAYER_CAPACITY=100"}}, "capacity", "100", "environment")
	f(Sources{Environ: []string{"REDIS_URL=redis://u:secret@h:1/0"}}, "broker", `"redis://u:xxxxx@h:1/0"`, "environment")
	f(Sources{Environ: []string{"TIDEGATE_LIMITS_GROUPS_PER_CONNECTION=7"}}, "limits.groups_per_connection", "7", "environment")
	f(Sources{Flags: map[string]string{"hubs": "Chat, game"}}, "hubs", "[chat, game]", "flag")
	f(Sources{Flags: map[string]string{"routes": "/a/{group}=chat,/b/{group}/=chat"}}, "routes", "[/a/{group}=chat, /b/{group}/=chat]", "flag")
	f(Sources{Flags: map[string]string{"keys": "0123456789abcdef"}}, "keys", "(1 hidden)", "flag")
}

func TestAliases(t *testing.T) {
	l := load(t, Sources{Environ: []string{"UVICORN_WORKERS=5", "CHANNEL_LAYER_CAPACITY=9", "TIDEGATE_CAPACITY=10"}})
	if want := []Alias{{"workers", "UVICORN_WORKERS"}}; !slices.Equal(l.Aliases(), want) {
		t.Errorf("aliases %v, want %v: the other was overridden", l.Aliases(), want)
	}
}

// TestRefusals: every mistake is an error that names what, where, and the remedy.
func TestRefusals(t *testing.T) {
	f := func(s Sources, want ...string) {
		t.Helper()
		_, err := Load(s)
		if err == nil {
			t.Errorf("%v was accepted", s)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%v: %v; want %q in it", s, err, w)
			}
		}
	}
	flag := func(key, value string) Sources { return Sources{Flags: map[string]string{key: value}} }
	file := func(content string) Sources { return Sources{File: write(t, content)} }
	f(flag("wokers", "2"), "unknown setting wokers", "did you mean workers?")
	f(flag("message_bytes", "2"), "did you mean limits.message_bytes?")
	f(file("limit: {connections: 2}"), "unknown setting limit.connections (file ", "did you mean limits.connections?")
	f(Sources{Environ: []string{"TIDEGATE_WORKER=2"}}, "unknown variable TIDEGATE_WORKER;", "did you mean TIDEGATE_WORKERS?")
	f(flag("workers", "0"), `workers: "0" (flag)`, "from 1 to 256")
	f(flag("workers", "two"), "a whole number")
	f(file("workers: 2.5"), "workers: 2.5 (file ", "a whole number")
	f(file("workers: 2\nworkers: 3"), "already defined")
	f(file("workers: ["), "file ")
	f(Sources{File: filepath.Join(t.TempDir(), "absent")}, "cannot be read")
	f(flag("capacity", "1000001"), "1000000")
	f(flag("limits.message_bytes", "12"), "a size from 1KiB to 64MiB")
	f(flag("limits.message_bytes", "many"), "a size from")
	f(flag("group_expiry", "soon"), "a time from")
	f(flag("group_expiry", "-1"), "a time from")
	f(flag("demo", "maybe"), "true or false")
	f(flag("log.level", "loud"), "debug, info, warn, error")
	f(flag("listen", "8000"), "an address such as")
	f(flag("listen", "127.0.0.1:99999"), "an address such as")
	f(flag("listen", "0.0.0.0:8000"), "loopback", "set keys")
	f(flag("operator", ":9000"), "loopback", "set keys")
	f(flag("broker", "kafka://x"), "redis://")
	f(flag("keys", "short"), "16 bytes", "keys: (hidden)")
	f(flag("hubs", ""), "at least one name")
	f(flag("hubs", "1st"), "at least one name")
	f(flag("hubs", "game"), "the hub of /ws/chat/{group}/=chat is not among the hubs")
	f(flag("routes", "/ws/chat=chat"), "{group}")
	f(flag("routes", "/healthz/{group}=chat"), "{group}")
	f(flag("routes", "/{group}/=chat"), "{group}")
	f(flag("routes", "/a/{group}=chat,/a/{group}=chat"), "two routes have the path")
	f(flag("echo", "/client/x"), "a path such as /echo")
	f(flag("origins", "example.com"), "https://example.com")
	f(flag("heartbeat.timeout", "10s"), "more than heartbeat.interval")
	f(flag("limits.send_buffer_bytes", "64KiB"), "at least limits.message_bytes")
	f(flag("broker", "redis://u:secret@ho st"), "hidden")
	f(Sources{Flags: map[string]string{"workers": "0", "capacity": "0"}}, "workers", "capacity")
}

func TestNoSecretIsPrinted(t *testing.T) {
	var out bytes.Buffer
	l := load(t, Sources{Flags: map[string]string{"keys": "a-very-secret-key-1", "broker": "redis://user:passw0rd@h:6379/0", "listen": "0.0.0.0:80"}})
	if err := l.Write(&out); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); strings.Contains(s, "secret") || strings.Contains(s, "passw0rd") {
		t.Errorf("a secret is in\n%s", s)
	}
	for key := range rules {
		if !strings.Contains(out.String(), key+" ") {
			t.Errorf("%s is not printed", key)
		}
	}
}

// FuzzLoad: whatever the layers have, Load answers, and what it accepts is valid.
func FuzzLoad(f *testing.F) {
	f.Add("workers: 2", "TIDEGATE_WORKERS=3", "workers", "4")
	f.Add("routes: [{path: /a/{group}, hub: chat}]", "REDIS_URL=redis://h", "keys", "0123456789abcdef")
	f.Add("limits: 3", "TIDEGATE_=", "", "=")
	f.Fuzz(func(t *testing.T, file, variable, key, value string) {
		l, err := Load(Sources{File: write(t, file), Environ: []string{variable}, Flags: map[string]string{key: value}})
		if err != nil {
			return
		}
		if errs := l.Config.Validate(); len(errs) > 0 {
			t.Errorf("accepted, and yet %v", errs)
		}
	})
}
