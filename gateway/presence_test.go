package main

import (
	"encoding/json"
	"fmt"
	"maps"
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
	again bool // further snapshots may come

	mu      sync.Mutex // guards what follows
	begun   bool
	partly  bool // the next snapshot frame goes on
	more    int  // snapshots beside the first
	members map[string]string
	log     []string
	ended   chan struct{}
}

// watch joins a group and watches it; from its ack on its frames are read in a goroutine
// of its own, until its connection is closed.
func watch(c *client, group string) *watcher {
	c.t.Helper()
	w := joinWatching(c, group)
	go w.listen()
	c.t.Cleanup(func() {
		w.conn.Close()
		<-w.ended
	})
	return w
}

// joinWatching is watch without the reading.
func joinWatching(c *client, group string) *watcher {
	c.t.Helper()
	c.send(`{"type":"joinGroup","group":%q,"presence":true,"ackId":7}`, group)
	if f := c.ack(7); !f.Success {
		c.t.Fatalf("join with presence: %+v", f)
	}
	return &watcher{client: c, group: group, members: make(map[string]string), ended: make(chan struct{})}
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
	snapshot := f.Event == "snapshot"
	if snapshot && w.begun && w.again && !w.partly {
		w.more++
		w.begun, w.members = false, make(map[string]string)
	}
	if f.Group != w.group || snapshot == w.begun {
		w.t.Errorf("a watcher of %s got %+v", w.group, f)
	}
	w.partly = snapshot && f.More
	w.begun = w.begun || snapshot && !f.More
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
	var got map[string]string
	for end := time.Now().Add(2 * patience); ; time.Sleep(10 * time.Millisecond) {
		w.mu.Lock()
		got = maps.Clone(w.members)
		begun := w.begun
		w.mu.Unlock()
		switch {
		case begun && maps.Equal(got, want):
			return
		case time.Now().After(end):
			w.t.Fatalf("a watcher of %s sees %d (a snapshot has come: %v), want %d;\nmissing are %v,\ntoo many are %v", w.group, len(got), begun, len(want), without(want, got), without(got, want))
		}
	}
}

// without is who is in a and not in b.
func without(a, b map[string]string) (ids []string) {
	for id := range a {
		if _, there := b[id]; !there {
			ids = append(ids, id)
		}
	}
	return ids
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

// TestPresenceSlowWatcher: a watcher that does not read while more happens than is kept
// for it gets another snapshot when it does, and knows what is so.
func TestPresenceSlowWatcher(t *testing.T) {
	g := start(t, append(keeping, "--set", "limits.send_buffer_bytes=4KiB", "--set", "limits.socket_buffer_bytes=4KiB")...)
	w := joinWatching(g.connect("chat"), "a")
	w.again = true
	crowd := newCrowd(t, []*gateway{g}, []string{"a"}, 100)
	// Each round is told by itself, until more waits than its queue holds.
	eventuallyWithin(t, 3*patience, "the slow watcher is refused", func() bool {
		for range 150 {
			crowd.step()
		}
		time.Sleep(25 * time.Millisecond)
		return g.metric("tidegate_presence_dropped_total") > 0
	})
	go w.listen()
	t.Cleanup(func() { w.conn.Close(); <-w.ended })
	w.sees(crowd.in("a", []*watcher{w})...)
	if w.mu.Lock(); w.more == 0 {
		t.Error("the watcher got no further snapshot")
	}
	w.mu.Unlock()
	crowd.step()
	w.sees(crowd.in("a", []*watcher{w})...)
}
