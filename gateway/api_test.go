package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker/brokertest"
	"github.com/tidegate/tidegate/gateway/auth"
)

// TestDataPlane: the application sends to a group and to everyone.
func TestDataPlane(t *testing.T) {
	g := start(t)
	member, other := g.connect("chat"), g.connect("chat")
	simple := g.simpleIn("/ws/chat/news/")
	member.join("news")
	post := func(path, contentType, body string) (int, string) {
		return g.do(http.MethodPost, g.operator, path, http.Header{"Content-Type": {contentType}}, body)
	}
	status, body := post("/api/hubs/chat/groups/news/:send", "application/json", `{"title":"rain"}`)
	var answer struct{ Position string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusAccepted || answer.Position == "" {
		t.Fatalf("got %d %q", status, body)
	}
	if m := member.message("news"); string(m.Data) != `{"title":"rain"}` || m.Position != answer.Position || m.FromUserID != "" {
		t.Errorf("the member got %+v", m)
	}
	if got := simple.text(); got != `{"title":"rain"}` {
		t.Errorf("the simple client got %q", got)
	}
	if status, body := post("/api/hubs/CHAT/:send?api-version=2024-12-01", "text/plain; charset=utf-8", "to all"); status != http.StatusAccepted {
		t.Fatalf("got %d %q", status, body)
	}
	for _, c := range []*client{member, other} {
		if f := c.next(); f.Type != "message" || f.From != "server" || string(f.Data) != `"to all"` {
			t.Errorf("got %+v", f)
		}
	}
	post("/api/hubs/chat/groups/news/:send?excluded="+member.id, "text/plain", "not you")
	post("/api/hubs/chat/groups/news/:send", "text/plain", "you again")
	if m := member.message("news"); string(m.Data) != `"you again"` {
		t.Errorf("the excluded member got %s", m.Data)
	}
}

// TestDataPlaneRefusals: each wrong request is told what is wrong with it.
func TestDataPlaneRefusals(t *testing.T) {
	g := start(t, "--set", "limits.body_bytes=1024")
	f := func(path, contentType, body string, status int, text string) {
		t.Helper()
		got, answer := g.do(http.MethodPost, g.operator, path, http.Header{"Content-Type": {contentType}}, body)
		if got != status || !strings.Contains(answer, text) {
			t.Errorf("%s: got %d %q, want %d and %q", path, got, answer, status, text)
		}
	}
	const send = "/api/hubs/chat/groups/g/:send"
	f("/api/hubs/nowhere/groups/g/:send", "text/plain", "x", 404, "configured hubs")
	f("/api/hubs/chat/groups/.all/:send", "text/plain", "x", 400, "group")
	f("/api/hubs/chat/groups/g/:dance", "text/plain", "x", 404, ":send")
	f(send, "text/html", "x", 415, "application/json")
	f(send, "application/json", "{", 400, "not valid JSON")
	f(send, "application/json", "null", 400, "null")
	f(send, "text/plain", "\xff", 400, "UTF-8")
	f(send, "text/plain", strings.Repeat("x", 1025), 413, "limits.body_bytes")
	f(send+"?excluded=a&excluded=b", "text/plain", "x", 400, "excluded")
	f(send+"?filter=userId%20eq%20null", "text/plain", "x", 400, "filter")
}

// TestKeys: with an access key set nobody comes in without a token signed by it,
// and a token's roles are what its holder may do.
func TestKeys(t *testing.T) {
	const key = "correct-horse-battery-staple"
	g := start(t, "--set", "keys="+key)
	token := func(key string, claims auth.Claims) string {
		t.Helper()
		s, err := auth.Sign(key, claims)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	claims := auth.Claims{
		User: "ann", Hub: "chat", Roles: []string{"webpubsub.joinLeaveGroup.a", "webpubsub.sendToGroup.a"},
		Groups: []string{"a"}, Expires: time.Now().Add(time.Hour),
	}
	expired := claims
	expired.Expires = time.Now().Add(-time.Hour)
	for what, query := range map[string]string{
		"no token":  "",
		"wrong key": "?access_token=" + token("another-key-of-somebody", claims),
		"expired":   "?access_token=" + token(key, expired),
		"garbage":   "?access_token=x.y.z",
	} {
		if _, err := dial(t, "ws://"+g.public+"/client/hubs/chat"+query, nil, "json.webpubsub.azure.v1"); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("%s: %v, want 401", what, err)
		}
	}
	c := g.connect("chat?access_token=" + token(key, claims))
	c.send(`{"type":"joinGroup","group":"b","ackId":1}`)
	if f := c.ack(1); f.Success || f.Error.Name != "Forbidden" {
		t.Errorf("joined b: %+v", f)
	}
	c.send(`{"type":"sendToGroup","group":"b","data":1,"ackId":2}`)
	if f := c.ack(2); f.Success || f.Error.Name != "Forbidden" {
		t.Errorf("sent to b: %+v", f)
	}
	c.send(`{"type":"sendToGroup","group":"a","data":1}`)
	if m := c.message("a"); m.FromUserID != "ann" {
		t.Errorf("got %+v, want it from ann, whose token joined her to a", m)
	}
	if _, err := dial(t, "ws://"+g.public+"/ws/chat/b/?access_token="+token(key, claims), nil); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a simple client in a forbidden group: %v, want 403", err)
	}
	send := func(authorization string) int {
		h := http.Header{"Content-Type": {"text/plain"}, "Authorization": {authorization}}
		status, _ := g.do(http.MethodPost, g.operator, "/api/hubs/chat/groups/a/:send", h, "x")
		return status
	}
	for authorization, want := range map[string]int{"": 401, "Bearer wrong-wrong-wrong-wrong": 401, "Bearer " + key: 202} {
		if got := send(authorization); got != want {
			t.Errorf("data plane with %q: %d, want %d", authorization, got, want)
		}
	}
}

// TestAnonymousWarning: without a key the log says what that means.
func TestAnonymousWarning(t *testing.T) {
	if g := start(t); !strings.Contains(g.log.String(), "no access key is set") {
		t.Errorf("no warning in the log:\n%s", g.log)
	}
}

// TestProbes: alive, ready, and the names that operators know are all there.
func TestProbes(t *testing.T) {
	g := start(t)
	for _, address := range []string{g.public, g.operator} {
		if status, _ := g.get(address, "/healthz"); status != 200 {
			t.Errorf("/healthz on %s: %d", address, status)
		}
		if status, body := g.get(address, "/readyz"); status != 200 || !strings.Contains(body, "broker: ok") || !strings.Contains(body, "workers: ok") {
			t.Errorf("/readyz on %s: %d %q", address, status, body)
		}
	}
	if status, _ := g.get(g.operator, "/debug/pprof/"); status != 200 {
		t.Errorf("/debug/pprof/: %d", status)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/api/hubs/chat/:send"} {
		if status, _ := g.get(g.public, path); status != 404 {
			t.Errorf("%s is on the public listener: %d", path, status)
		}
	}
}

// TestMetrics: the counts are those of what happened, and the page is one that
// promtool accepts.
func TestMetrics(t *testing.T) {
	g := start(t)
	a, b := g.connect("chat"), g.connect("chat")
	a.join("g")
	b.join("g")
	for range 10 {
		a.send(`{"type":"sendToGroup","group":"g","data":1}`)
		b.message("g")
	}
	eventually(t, "both got all ten", func() bool { return g.metric("tidegate_deliveries_total") == 20 })
	for prefix, want := range map[string]float64{
		"app_active_connections":        2,
		"app_messages_total":            10,
		"app_errors_total":              0,
		"tidegate_worker_connections{":  2,
		"tidegate_closes_total":         0,
		"tidegate_groups":               2, // g, and everyone in chat
		"tidegate_delivery_seconds_sum": -1,
		"process_cpu_seconds_total":     -1,
		"process_resident_memory_bytes": -1,
		"go_goroutines":                 -1,
	} {
		got := g.metric(prefix)
		_, page := g.get(g.operator, "/metrics")
		if !strings.Contains(page, prefix) || want >= 0 && got != want {
			t.Errorf("%s is %v, want %v", prefix, got, want)
		}
	}
	promtool(t, g)
}

// TestRedisMetrics: the page of a node on Redis is one that promtool accepts too.
func TestRedisMetrics(t *testing.T) {
	g := start(t, "--broker", brokertest.StartRedis(t).URL())
	c := g.connect("chat")
	c.join("g")
	c.send(`{"type":"sendToGroup","group":"g","data":1}`)
	c.message("g")
	promtool(t, g)
	eventually(t, "Redis is ready", func() bool { return g.metric("tidegate_broker_ready") == 1 })
	if n := g.metric("tidegate_broker_published_total"); n != 1 {
		t.Errorf("%v messages were published, want 1", n)
	}
}

// promtool has Prometheus's own tool read the page.
func promtool(t *testing.T, g *gateway) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is not in PATH: run the tests with make test, which installs it")
	}
	_, page := g.get(g.operator, "/metrics")
	described(t, page)
	check := exec.Command(program, "check", "metrics")
	check.Stdin = strings.NewReader(page)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// described checks that each metric of ours has its help on the page and its line
// in the operators' manual.
func described(t *testing.T, page string) {
	t.Helper()
	manual, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(page) {
		family, text, _ := strings.Cut(strings.TrimPrefix(line, "# HELP "), " ")
		ours := strings.HasPrefix(family, "tidegate_") || strings.HasPrefix(family, "app_")
		if !strings.HasPrefix(line, "# HELP ") || !ours {
			continue
		}
		if strings.Contains(text, "Go runtime") {
			t.Errorf("%s has no help", family)
		}
		if !strings.Contains(string(manual), family) {
			t.Errorf("%s is not in docs/operations.md", family)
		}
	}
}
