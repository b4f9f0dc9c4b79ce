package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestReliableAfterLoss: Redis has lost everything; sessions that began after it are
// recovered like others, also in groups in which nobody has spoken since.
func TestReliableAfterLoss(t *testing.T) {
	redis := brokertest.StartRedis(t)
	g := start(t, "--broker", redis.URL())
	publisher := g.connect("chat")
	publisher.say1("g", 0)
	eventually(t, "the node is ready", func() bool { return ready(g) })
	time.Sleep(2500 * time.Millisecond) // it has probed, and knows what there was
	redis.CLI("FLUSHALL")
	eventually(t, "the node has noticed", func() bool { return g.metric("tidegate_broker_epochs_total") > 0 })
	c := g.reliable("chat")
	c.enters("quiet")
	c.enters("g")
	c.cut()
	publisher.say1("quiet", 1)
	publisher.say1("g", 2)
	c.recover(g)
	for range 2 {
		if f, n := c.numbered(); n == 0 || f.number(t) != map[string]int{"quiet": 1, "g": 2}[f.Group] {
			t.Errorf("got %+v", f)
		}
	}
}

// TestReliableWithoutBroker: the connection is lost while Redis is away; the session is
// written when it is back, and goes on on another node.
func TestReliableWithoutBroker(t *testing.T) {
	redis := brokertest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	one, two := start(t, "--broker", redis.URL()), start(t, "--broker", redis.URL())
	c, publisher := one.reliable("chat"), two.connect("chat")
	c.enters("g")
	publisher.count(0, 9)
	c.hear(5)
	c.acks()
	eventually(t, "the ack was taken", func() bool {
		c.send(`{"type":"ping"}`)
		for {
			if f, _ := c.numbered(); f.Type == "pong" {
				return true
			} else if f.Type == "message" {
				c.got = append(c.got, f.number(t))
			}
		}
	})
	redis.Kill()
	c.cut()
	eventually(t, "the session waits to be written", func() bool { return one.metric("tidegate_session_records_waiting") > 0 })
	redis.Restart()
	eventually(t, "both nodes are ready", func() bool { return ready(one) && ready(two) })
	// A node that has not missed Redis yet is ready, too, and what is refused then was not taken.
	tried := uint64(0)
	eventually(t, "a message is taken again", func() bool {
		tried++
		return publisher.try(tried, `"type":"sendToGroup","group":"g","data":10`)
	})
	publisher.count(11, 19)
	c.recover(two)
	c.hear(19)
	if c.doubled > 0 {
		t.Errorf("%d messages came twice with new numbers", c.doubled)
	}
}

// TestReliableFast: a group that is much faster than its client acks does not end the
// client: it acks once a second, as the JavaScript client does, or when numbers jump.
func TestReliableFast(t *testing.T) {
	onNodes(t, func(t *testing.T, nodes []*gateway) {
		const batch, said = 250, 15000
		c := nodes[0].reliable("chat")
		c.enters("g")
		publisher := nodes[len(nodes)-1].connect("chat")
		go func() {
			for i := range said {
				publisher.send(`{"type":"sendToGroup","group":"g","data":%d}`, i)
				if i%batch == batch-1 {
					time.Sleep(50 * time.Millisecond) // 5,000 a second
				}
			}
		}()
		acked, most := time.Now(), 0
		unacked := 0
		for len(c.got) < said {
			before := c.last
			f, _ := c.numbered()
			if at := f.number(t); at != len(c.got) {
				t.Fatalf("got %d, want %d", at, len(c.got))
			}
			c.got = append(c.got, 0)
			unacked++
			most = max(most, unacked)
			if time.Since(acked) > time.Second || c.last > before+300 {
				c.acks()
				acked, unacked = time.Now(), 0
			}
		}
		t.Logf("%d messages, at most %d of them unacked", said, most)
		if most < 1000 {
			t.Error("the client has acked too often: the test shows nothing")
		}
	}, append(unlimited, "--set", "capacity=100000")...)
}

// TestReliableFrozen: a node hangs, and does not let go of its sessions: after a moment
// they go on on another node, and what the first does when it wakes up harms nobody.
func TestReliableFrozen(t *testing.T) {
	redis := brokertest.StartRedis(t)
	frozen, other := spawn(t, "--broker", redis.URL()), start(t, "--broker", redis.URL())
	c, publisher := frozen.reliable("chat"), other.connect("chat")
	c.enters("g")
	publisher.count(0, 19)
	c.hear(10)
	c.acks()
	frozen.signal(syscall.SIGSTOP)
	publisher.count(20, 29)
	c.cut()
	c.recover(other)
	c.hear(29)
	c.acks()
	frozen.signal(syscall.SIGCONT)
	publisher.count(30, 39)
	c.hear(35)
	eventually(t, "the node has woken up", func() bool { return frozen.metric("tidegate_broker_fetched_total") > 0 && ready(frozen.gateway) })
	c.cut()
	publisher.count(40, 49)
	c.recover(frozen.gateway)
	c.hear(49)
	t.Logf("%d messages came twice with new numbers", c.doubled)
}
