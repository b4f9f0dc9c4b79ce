package main

import (
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestReliableStorm: kill -9 of a node with many clients, who all come at once to
// another: each goes on with its session.
func TestReliableStorm(t *testing.T) {
	const clients = 300
	redis := brokertest.StartRedis(t)
	dying, other := spawn(t, "--broker", redis.URL()), start(t, "--broker", redis.URL())
	publisher := other.connect("chat")
	all := make([]*reliableClient, clients)
	for i := range all {
		all[i] = dying.reliable("chat")
		all[i].enters("g")
	}
	publisher.count(0, 9)
	if err := dying.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-dying.ended
	publisher.count(10, 19)
	began := time.Now()
	var back sync.WaitGroup
	for _, c := range all {
		back.Go(func() {
			c.recover(other)
			c.hear(19)
		})
	}
	back.Wait()
	refusals := 0
	for _, c := range all {
		refusals += c.refusals
		if len(c.got) > 0 && c.got[0] != 0 {
			t.Fatalf("a client's first message is %d", c.got[0])
		}
	}
	t.Logf("%d clients were back and had everything after %s; %d refusals", clients, time.Since(began).Round(time.Millisecond), refusals)
}
