package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// TestDefaults: the defaults are those that the documentation of the product names.
func TestDefaults(t *testing.T) {
	want := Config{
		Listen: "127.0.0.1:8000", Operator: "127.0.0.1:9000", Demo: true,
		Hubs: []string{"chat"}, Routes: []Route{{"/ws/chat/{group}/", "chat"}},
		Keys: []string{}, Origins: []string{},
		Auth: Auth{
			PublicKeys: []string{}, JWKSRefresh: 15 * time.Minute, Issuers: []string{}, Audiences: []string{},
			ClockSkew: 5 * time.Minute, RequireExpiry: true, CloseAtExpiry: true, RevokedFor: 24 * time.Hour,
			Anonymous: []string{}, AnonymousRoles: []string{},
		},
		Proxies: Proxies{Trusted: []string{}, Header: "x-forwarded-for"},
		Workers: 2, Pool: Pool{Size: 0, Queue: 1024},
		Broker: "memory", Capacity: 1000, GroupExpiry: 86400 * time.Second,
		Publish:     Publish{QueueMessages: 10000, QueueBytes: 64 << 20, Timeout: time.Second},
		Memory:      Memory{Bytes: 256 << 20},
		Redis:       Redis{Prefix: "tg", Sweep: 45 * time.Second, Probe: 2 * time.Second, WaitTimeout: 500 * time.Millisecond},
		Compression: Compression{Enabled: false, MinBytes: 1024},
		Presence:    Presence{Groups: []string{}},
		Limits: Limits{
			Connections: 15000, Handshakes: 16, HandshakeQueue: 20000, HandshakeTimeout: 10 * time.Second,
			IdleTimeout: time.Minute, MessagesPerSecond: 2000, BytesPerSecond: 16 << 20, Groups: 1_000_000,
			HeaderBytes: 16 << 10, BodyBytes: 1 << 20,
			MessageBytes: 1 << 20, MessageFragments: 131072,
			SendBufferBytes: 256 << 10, SocketBufferBytes: 128 << 10,
			GroupsPerConnection: 1000, GroupNameBytes: 1024, WorkerQueue: 65536,
			UnackedMessages: 65536, DetachedSessions: 100000,
		},
		Session:   Session{Expiry: 45 * time.Second, Checkpoint: 2 * time.Second},
		Heartbeat: Heartbeat{Interval: 25 * time.Second, Timeout: 60 * time.Second},
		Log:       Log{Level: "info", Format: "text"},
		Drain:     Drain{Delay: 3 * time.Second, Window: 10 * time.Second},
		Shutdown:  Shutdown{Timeout: 10 * time.Second},
	}
	if got := load(t, Sources{}).Config; !reflect.DeepEqual(got, want) {
		t.Errorf("the defaults are\n%+v, want\n%+v", got, want)
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

// documented are the settings of default.yaml, each with its comment in one line.
// A section's own comment stands before those of its settings.
func documented(t *testing.T) map[string]string {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal(defaults, &document); err != nil {
		t.Fatal(err)
	}
	comments := make(map[string]string)
	var walk func(prefix string, mapping *yaml.Node)
	walk = func(prefix string, mapping *yaml.Node) {
		for i := 0; i < len(mapping.Content); i += 2 {
			name, value := mapping.Content[i], mapping.Content[i+1]
			if value.Kind == yaml.MappingNode {
				if name.HeadComment == "" {
					t.Errorf("default.yaml: section %s has no comment", name.Value)
				}
				walk(prefix+name.Value+".", value)
				continue
			}
			text := strings.ReplaceAll(name.HeadComment, "\n#", " ")
			comments[prefix+name.Value] = strings.Join(strings.Fields(strings.TrimPrefix(text, "#")), " ")
		}
	}
	walk("", document.Content[0])
	return comments
}

// TestOneListOfSettings: Config, the rules and default.yaml have the same keys, and
// each has a variable of its own.
func TestOneListOfSettings(t *testing.T) {
	inStruct := fields(reflect.TypeFor[Config](), "")
	slices.Sort(inStruct)
	if inRules := sortedKeys(rules); !slices.Equal(inStruct, inRules) {
		t.Errorf("the struct has %v\nthe rules have %v", inStruct, inRules)
	}
	if inFile := sortedKeys(documented(t)); !slices.Equal(inStruct, inFile) {
		t.Errorf("the struct has %v\ndefault.yaml has %v", inStruct, inFile)
	}
	variables := make(map[string]string)
	for key := range rules {
		if other, taken := variables[variableOf(key)]; taken {
			t.Errorf("%s and %s have the same variable", key, other)
		}
		variables[variableOf(key)] = key
	}
}

// TestTable: a table of settings can be made of default.yaml, and it is right: each
// setting has a comment, with its range if it has one, and a default.
func TestTable(t *testing.T) {
	l := load(t, Sources{})
	for key, comment := range documented(t) {
		row := fmt.Sprintf("| `%s` | `%s` | `%s` | %s |", key, variableOf(key), l.Redacted(key), comment)
		if len(comment) < 10 || strings.Count(row, "|") != 5 || strings.Contains(row, "\n") {
			t.Errorf("no row of a table: %s", row)
		}
		if bounds := rules[key].bounds; !strings.Contains(comment, bounds) {
			t.Errorf("%s: the rule has %s, the comment does not: %s", key, bounds, comment)
		}
	}
}

// TestAliasesAreDocumented: whoever reads default.yaml finds the former variables.
func TestAliasesAreDocumented(t *testing.T) {
	comments := documented(t)
	for variable, key := range aliases {
		if !strings.Contains(comments[key], variable) {
			t.Errorf("the comment of %s does not name %s", key, variable)
		}
	}
}
