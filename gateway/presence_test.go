package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker/brokertest"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/auth"
)

// keeping has presence kept of every group.
var keeping = []string{"--set", "presence.groups=**"}

// presenceFrame is a frame that says who is in a group.
type presenceFrame struct {
	Type, Group, Event string
	Members            []struct{ ConnectionID, UserID string }
	More               bool
}

// watcher is a client that watches a group, and what it knows. It is strict: who joins
// was not there, who leaves was.
type watcher struct {
	*client
	group string

	mu      sync.Mutex // guards what follows
	begun   bool
	members map[string]string
	log     []string
	ended   chan struct{}
}

// watch joins a group and watches it; from its ack on its frames are read in a goroutine
// of its own, until its connection is closed.
func watch(c *client, group string) *watcher {
	c.t.Helper()
	c.send(`{"type":"joinGroup","group":%q,"presence":true,"ackId":7}`, group)
	if f := c.ack(7); !f.Success {
		c.t.Fatalf("join with presence: %+v", f)
	}
	w := &watcher{client: c, group: group, members: make(map[string]string), ended: make(chan struct{})}
	go w.listen()
	c.t.Cleanup(func() {
		w.conn.Close()
		<-w.ended
	})
	return w
}

func (w *watcher) listen() {
	defer close(w.ended)
	for {
		text, _, err := w.read()
		if err != nil {
			return
		}
		var f presenceFrame
		if json.Unmarshal([]byte(text), &f) != nil || f.Type != "presence" {
			continue
		}
		w.take(f)
	}
}

func (w *watcher) take(f presenceFrame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.Group != w.group || (f.Event == "snapshot") == w.begun {
		w.t.Errorf("a watcher of %s got %+v", w.group, f)
	}
	w.begun = w.begun || f.Event == "snapshot" && !f.More
	for _, m := range f.Members {
		_, there := w.members[m.ConnectionID]
		if there != (f.Event == "leave") {
			w.t.Errorf("%s of %s, who is there: %v", f.Event, m.ConnectionID, there)
		}
		if f.Event == "leave" {
			delete(w.members, m.ConnectionID)
		} else {
			w.members[m.ConnectionID] = m.UserID
		}
		if f.Event != "snapshot" {
			w.log = append(w.log, f.Event+" "+m.ConnectionID)
		}
	}
}

// sees waits until a watcher knows exactly the clients of these ids.
func (w *watcher) sees(ids ...string) {
	w.t.Helper()
	want := make(map[string]string)
	for _, id := range ids {
		want[id] = ""
	}
	eventuallyWithin(w.t, 2*patience, fmt.Sprintf("a watcher of %s sees %d members", w.group, len(ids)), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.begun && maps.Equal(w.members, want)
	})
}

// told is what the watcher was told since its snapshot.
func (w *watcher) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.log...)
}

// eventuallyWithin is eventually with another patience.
func eventuallyWithin(t testing.TB, patience time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("still not so: " + what)
		}
	}
}

// list is the data plane's list of a group's connections, page by page.
func (g *gateway) list(group string, page int) (ids []string) {
	g.t.Helper()
	path := fmt.Sprintf("/api/hubs/chat/groups/%s/connections?maxpagesize=%d&api-version=2024-12-01", group, page)
	for path != "" {
		status, body := g.get(g.operator, path)
		var answer struct {
			Value    []struct{ ConnectionID, UserID string }
			NextLink string
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || answer.Value == nil || len(answer.Value) > page {
			g.t.Fatalf("%s: %d %s", path, status, body)
		}
		for _, m := range answer.Value {
			ids = append(ids, m.ConnectionID)
		}
		path = strings.TrimPrefix(answer.NextLink, "http://"+g.operator)
	}
	return ids
}

// TestPresence: who joins a group and watches it gets one snapshot after its ack, and
// then who comes and goes, however they do; on both brokers.
func TestPresence(t *testing.T) {
	t.Run("memory", func(t *testing.T) { presence(t, start(t, keeping...)) })
	t.Run("redis", func(t *testing.T) {
		presence(t, start(t, append(keeping, "--broker", brokertest.StartRedis(t).URL())...))
	})
}

func presence(t *testing.T, g *gateway) {
	a, b, c := g.connect("chat"), g.connect("chat"), g.connect("chat")
	a.join("lobby")
	simple := g.simpleIn("/ws/chat/lobby/")
	a.message("lobby") // the simple client's
	w := watch(b, "lobby")
	eventually(t, "the snapshot has three", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.members) == 3 })
	c.join("lobby")
	if err := simple.conn.Close(); err != nil {
		t.Fatal(err)
	}
	w.sees(a.id, b.id, c.id)
	a.send(`{"type":"leaveGroup","group":"lobby","ackId":9}`)
	a.ack(9)
	w.sees(b.id, c.id)
	eventually(t, "the application sees them too", func() bool { return len(g.list("lobby", 1)) == 2 })
	if status, _ := g.do(http.MethodHead, g.operator, "/api/hubs/chat/groups/lobby", nil, ""); status != http.StatusOK {
		t.Errorf("HEAD of a group with members: %d", status)
	}
	if status, _ := g.do(http.MethodHead, g.operator, "/api/hubs/chat/groups/nobody", nil, ""); status != http.StatusNotFound {
		t.Errorf("HEAD of a group without: %d", status)
	}
	before := len(w.told())
	b.send(`{"type":"leaveGroup","group":"lobby"}`)
	a.send(`{"type":"joinGroup","group":"lobby","ackId":10}`)
	a.ack(10)
	late := watch(g.connect("chat"), "lobby")
	late.sees(a.id, c.id, late.id)
	if told := w.told(); len(told) != before {
		t.Errorf("who has left the group was told %v", told[before:])
	}
	again := watch(g.connect("chat"), "lobby")
	again.sees(a.id, c.id, late.id, again.id)
	late.sees(a.id, c.id, late.id, again.id)
}

// TestPresenceOfOthers: of a group that the setting does not name, a join with presence
// is refused in words, and is no join.
func TestPresenceOfOthers(t *testing.T) {
	g := start(t, "--set", "presence.groups=room.*,x")
	c := g.connect("chat")
	c.send(`{"type":"joinGroup","group":"lobby","presence":true,"ackId":1}`)
	if f := c.ack(1); f.Success || f.Error.Name != "BadRequest" || !strings.Contains(f.Error.Message, "presence.groups") {
		t.Errorf("got %+v", f)
	}
	g.do(http.MethodPost, g.operator, "/api/hubs/chat/groups/lobby/:send", http.Header{"Content-Type": {"text/plain"}}, "x")
	w := watch(c, "room.1")
	w.sees(c.id)
	_, page := g.get(g.operator, "/metrics")
	described(t, page)
	for path, status := range map[string]int{
		"/api/hubs/chat/groups/lobby/connections":                  http.StatusBadRequest,
		"/api/hubs/chat/groups/x/connections":                      http.StatusOK,
		"/api/hubs/none/groups/x/connections":                      http.StatusNotFound,
		"/api/hubs/chat/groups/.all/connections":                   http.StatusBadRequest,
		"/api/hubs/chat/groups/x/connections?maxpagesize=201":      http.StatusBadRequest,
		"/api/hubs/chat/groups/x/connections?top=0":                http.StatusBadRequest,
		"/api/hubs/CHAT/groups/room.1/connections?top=1":           http.StatusOK,
		"/api/hubs/chat/groups/room.1/connections?maxpagesize=abc": http.StatusBadRequest,
	} {
		if got, body := g.get(g.operator, path); got != status {
			t.Errorf("%s: %d %s, want %d", path, got, body, status)
		}
	}
}

// TestPresencePages: a group of more members than a frame has comes in several frames,
// and in pages to the application.
func TestPresencePages(t *testing.T) {
	g := start(t, keeping...)
	const members = 1203
	var ids []string
	for range members - 1 {
		c := g.connect("chat?")
		c.send(`{"type":"joinGroup","group":"lobby"}`)
		ids = append(ids, c.id)
	}
	w := watch(g.connect("chat"), "lobby")
	w.sees(append(ids, w.id)...)
	eventually(t, "the application sees all", func() bool { return len(g.list("lobby", 200)) == members })
}

// TestPresencePatterns: what the setting takes is what the reader of patterns takes.
func TestPresencePatterns(t *testing.T) {
	for _, text := range []string{"a", "*", "**", "***", "a.*.b", `\*`, `\\`, `a\`, `\a`, "?", "*****", "******", "a*b*c*d*e*f", `\******`, "é*", `x\?y`, strings.Repeat("a", 1024), strings.Repeat("a", 1025)} {
		_, err := auth.ParseGroups([]string{text})
		_, refused := config.Load(config.Sources{Flags: map[string]string{"presence.groups": text}})
		if (err == nil) != (refused == nil) {
			t.Errorf("%.20q: the reader says %v, the setting %v", text, err, refused)
		}
	}
}

// TestPresenceThreeNodes: a hundred clients join and leave at random on three nodes, some
// of them watchers; when it is quiet each watcher sees what is so, and so does the
// application.
func TestPresenceThreeNodes(t *testing.T) {
	redis := brokertest.StartRedis(t)
	var nodes []*gateway
	for range 3 {
		nodes = append(nodes, start(t, append(keeping, "--broker", redis.URL())...))
	}
	groups := []string{"a", "b"}
	var watchers []*watcher
	for _, n := range nodes {
		for _, g := range groups {
			watchers = append(watchers, watch(n.connect("chat"), g))
		}
	}
	crowd := newCrowd(t, nodes, groups, 100)
	for i := range 1500 {
		crowd.step()
		if i%200 == 0 {
			watchers = append(watchers, watch(nodes[rand.IntN(len(nodes))].connect("chat"), groups[rand.IntN(len(groups))]))
		}
	}
	for _, w := range watchers {
		w.sees(crowd.in(w.group, watchers)...)
	}
	for _, n := range nodes {
		for _, g := range groups {
			want := len(crowd.in(g, watchers))
			eventually(t, "the application sees them", func() bool { return len(n.list(g, 17)) == want })
		}
	}
}

// crowd is clients that come and go.
type crowd struct {
	t       *testing.T
	nodes   []*gateway
	groups  []string
	clients []*client         // nil: away
	where   []map[string]bool // the groups of each
}

func newCrowd(t *testing.T, nodes []*gateway, groups []string, size int) *crowd {
	return &crowd{t: t, nodes: nodes, groups: groups, clients: make([]*client, size), where: make([]map[string]bool, size)}
}

// step has one of them do something.
func (k *crowd) step() {
	i, g := rand.IntN(len(k.clients)), k.groups[rand.IntN(len(k.groups))]
	c := k.clients[i]
	switch {
	case c == nil:
		k.clients[i], k.where[i] = k.nodes[rand.IntN(len(k.nodes))].connect("chat"), make(map[string]bool)
	case rand.IntN(10) == 0:
		c.conn.Close()
		k.clients[i] = nil
	case k.where[i][g]:
		c.send(`{"type":"leaveGroup","group":%q}`, g)
		delete(k.where[i], g)
	default:
		c.send(`{"type":"joinGroup","group":%q}`, g)
		k.where[i][g] = true
	}
}

// in is who is in a group, the watchers included.
func (k *crowd) in(group string, watchers []*watcher) (ids []string) {
	for i, c := range k.clients {
		if c != nil && k.where[i][group] {
			ids = append(ids, c.id)
		}
	}
	for _, w := range watchers {
		if w.group == group {
			ids = append(ids, w.id)
		}
	}
	return ids
}
