package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestChurn lets clients join, send, leave and vanish at random, on both brokers.
// Whoever is in a group from before a message to after it gets the message once;
// when all are gone nothing is left of the groups.
func TestChurn(t *testing.T) {
	t.Run("memory", func(t *testing.T) { churn(t) })
	t.Run("redis", func(t *testing.T) { churn(t, "--broker", brokertest.StartRedis(t).URL()) })
}

func churn(t *testing.T, args ...string) {
	g := start(t, args...)
	const clients, rounds = 20, 15
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() {
			for round := range rounds {
				visit(g, fmt.Sprintf("%d-%d", n, round))
			}
		})
	}
	all.Wait()
	eventually(t, "every connection is gone", func() bool { return g.metric("app_active_connections") == 0 })
	eventually(t, "only the hub's own group is open", func() bool { return g.metric("tidegate_groups") == 1 })
	if panics := g.metric("tidegate_panics_total"); panics != 0 {
		t.Errorf("%v panics:\n%s", panics, g.log)
	}
}

// visit is one client's stay: it joins some groups, says something in each, reads
// until its own words came back, once, and leaves or just vanishes.
func visit(g *gateway, name string) {
	c := g.connect("chat")
	groups := rand.Perm(4)[:1+rand.IntN(3)]
	for i, group := range groups {
		c.send(`{"type":"joinGroup","group":"g%d","ackId":%d}`, group, i+1)
	}
	for i, group := range groups {
		c.send(`{"type":"sendToGroup","group":"g%d","dataType":"text","data":%q,"ackId":%d}`, group, name, 100+i)
	}
	// Requests are done in order, so each send comes after its join was asked for;
	// whether its join was answered before is told by the order of the acks.
	acked, own := map[uint64]bool{}, map[string]int{}
	for len(acked) < 2*len(groups) || len(own) < len(groups) {
		f := c.next()
		switch {
		case f.Type == "ack" && !f.Success:
			g.t.Errorf("%s: %+v", name, f)
			return
		case f.Type == "ack":
			acked[f.AckID] = true
		case string(f.Data) == fmt.Sprintf("%q", name):
			own[f.Group]++
		}
	}
	for group, n := range own {
		if n != 1 {
			g.t.Errorf("%s: its message to %s came %d times", name, group, n)
		}
	}
	if rand.IntN(2) == 0 {
		c.send(`{"type":"leaveGroup","group":"g%d","ackId":200}`, groups[0])
		for {
			var f frame
			if text := c.text(); json.Unmarshal([]byte(text), &f) == nil && strings.Contains(text, `"ackId":200`) {
				break
			}
		}
	}
	c.conn.Close()
}
