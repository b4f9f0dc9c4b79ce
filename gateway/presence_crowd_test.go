package main

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestPresenceThreeNodes: a hundred clients join and leave at random on three nodes, some
// of them watchers; when it is quiet each watcher sees what is so, and so does the
// application.
func TestPresenceThreeNodes(t *testing.T) {
	threeNodes(t, brokertest.StartRedis(t), func(int) {})
}

// TestPresenceRedisLosesAll: and also when Redis loses all that it has meanwhile, again
// and again.
func TestPresenceRedisLosesAll(t *testing.T) {
	redis := brokertest.StartRedis(t)
	threeNodes(t, redis, func(i int) {
		if i%500 == 400 {
			redis.CLI("FLUSHALL")
		}
	})
}

func threeNodes(t *testing.T, redis *brokertest.Redis, meanwhile func(step int)) {
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
		meanwhile(i)
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

// TestPresenceRecovered: a reliable client that watches leaves with its connection, and
// when it goes on on another node it is there again, and is told who else is.
func TestPresenceRecovered(t *testing.T) {
	redis := brokertest.StartRedis(t)
	one, two := start(t, append(keeping, "--broker", redis.URL())...), start(t, append(keeping, "--broker", redis.URL())...)
	w := watch(one.connect("chat"), "g")
	c := two.reliable("chat")
	c.send(`{"type":"joinGroup","group":"g","presence":true,"ackId":7}`)
	if f := c.ack(7); !f.Success {
		t.Fatalf("%+v", f)
	}
	snapshot := func() {
		t.Helper()
		var f presenceFrame
		if text := c.text(); json.Unmarshal([]byte(text), &f) != nil || f.Type != "presence" || f.Event != "snapshot" || len(f.Members) != 2 {
			t.Errorf("got %s, want a snapshot of two", text)
		}
	}
	snapshot()
	w.sees(w.id, c.id)
	c.conn.Close()
	w.sees(w.id)
	c.recover(one)
	snapshot()
	w.sees(w.id, c.id)
}
