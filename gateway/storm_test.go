package main

import (
	"sync"
	"testing"
)

// TestStorm: many more connections than may shake hands at a time come at once, all get
// in and join, a limit on connections holds to the last, and all leave.
func TestStorm(t *testing.T) {
	const most = 400
	g := start(t, "--set", "limits.handshakes=2", "--set", "limits.connections=400")
	member := g.connect("chat")
	member.join("g")
	var all sync.WaitGroup
	var mu sync.Mutex
	var in []*client
	refused := 0
	for range most + 50 {
		all.Go(func() {
			c, err := dial(t, "ws://"+g.public+"/client/hubs/chat", nil, "json.webpubsub.azure.v1")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				refused++
			} else {
				in = append(in, c)
			}
		})
	}
	all.Wait()
	if n := g.metric("app_active_connections"); int(n) > most || len(in) > most-1 || len(in)+refused != most+50 {
		t.Fatalf("%d came in and %d were refused; %g connections of at most %d", len(in), refused, n, most)
	}
	if g.metric("tidegate_handshake_waits_total") == 0 {
		t.Error("nobody waited: the test shows nothing")
	}
	for _, c := range in {
		c.next()
		c.join("g")
	}
	member.send(`{"type":"sendToGroup","group":"g","data":"to all"}`)
	for _, c := range append(in, member) {
		c.message("g")
	}
	for _, c := range in {
		c.conn.Close()
	}
	eventually(t, "only the member is left", func() bool { return g.metric("app_active_connections") == 1 })
	member.send(`{"type":"sendToGroup","group":"g","data":"still here"}`)
	member.message("g")
}
