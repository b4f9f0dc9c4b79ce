package main

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestPresenceOfDeadNode kills a node, and stops another for longer than its lease: the
// members of the first are gone on the others; those of the second, too, until it goes on,
// but for who has gone meanwhile.
func TestPresenceOfDeadNode(t *testing.T) {
	redis := brokertest.StartRedis(t)
	args := append(keeping, "--broker", redis.URL())
	stays, dies, sleeps := spawn(t, args...), spawn(t, args...), spawn(t, args...)

	w := watch(stays.connect("chat"), "g")
	ids := []string{w.id}
	join := func(g *process) *client {
		c := g.connect("chat")
		c.send(`{"type":"joinGroup","group":"g"}`)
		return c
	}
	for range 20 {
		join(dies)
	}
	sleeper, leaver := watch(sleeps.connect("chat"), "g"), join(sleeps)
	eventually(t, "all are there", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.members) == 23 })

	began := time.Now()
	dies.signal(syscall.SIGKILL)
	ids = append(ids, sleeper.id, leaver.id)
	w.sees(ids...)
	t.Logf("the dead node's members are gone after %s", time.Since(began).Round(time.Millisecond))
	sleeper.sees(ids...)

	before := len(w.told())
	sleeps.signal(syscall.SIGSTOP)
	w.sees(w.id)
	leaver.conn.Close()
	came := join(stays)
	sleeps.signal(syscall.SIGCONT)
	w.sees(w.id, sleeper.id, came.id)
	sleeper.sees(w.id, sleeper.id, came.id)
	told := w.told()[before:]
	left, joined := slices.Index(told, "leave "+sleeper.id), slices.Index(told, "join "+sleeper.id)
	if left < 0 || joined < left {
		t.Errorf("the watcher was told %v, want the sleeper's leave and then its join", told)
	}
	if got := fmt.Sprint(len(stays.list("g", 200))); got != "3" {
		t.Errorf("the application sees %s, want 3", got)
	}

	// One that ends as it should says that its members have gone, and leaves nothing.
	sleeps.signal(syscall.SIGTERM)
	sleeps.endsWith(0)
	if leases := strings.Fields(redis.CLI("KEYS", "tg/node/*")); len(leases) != 1 {
		t.Errorf("one node lives, and leases are %v", leases)
	}
	if sets := strings.Fields(redis.CLI("KEYS", "tg/present/*")); len(sets) != 2 { // its own, and the killed node's, which expires
		t.Errorf("sets are %v", sets)
	}
	w.sees(w.id, came.id)
}
