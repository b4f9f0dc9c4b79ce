package main

import (
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestReliableNumbers: every message has a number, one more than the one before, whatever
// its group; acks and pongs have none; and a client that offers both subprotocols has the
// one that it offers first.
func TestReliableNumbers(t *testing.T) {
	onNodes(t, func(t *testing.T, nodes []*gateway) {
		c, publisher := nodes[0].reliable("chat"), nodes[len(nodes)-1].connect("chat")
		for i, group := range []string{"g", "h"} {
			c.send(`{"type":"joinGroup","group":%q,"ackId":%d}`, group, i+1)
			c.ack(uint64(i + 1))
		}
		for i := range 20 {
			publisher.say1([]string{"g", "h"}[i%2], i)
			if i == 10 {
				c.send(`{"type":"ping"}`)
				if f, _ := c.numbered(); f.Type != "pong" {
					for f.Type != "pong" {
						f, _ = c.numbered()
					}
				}
			}
		}
		for c.last < 20 {
			before := c.last
			if _, n := c.numbered(); n != before+1 {
				t.Fatalf("number %d after %d", n, before)
			}
		}
		for i, protocols := range [][]string{
			{"json.webpubsub.azure.v1", "json.reliable.webpubsub.azure.v1"}, {"x", "json.reliable.webpubsub.azure.v1", "json.webpubsub.azure.v1"},
		} {
			d, err := dial(t, "ws://"+nodes[0].public+"/client/hubs/chat", nil, protocols...)
			if err != nil {
				t.Fatal(err)
			}
			if text := d.text(); strings.Contains(text, "reconnectionToken") != (i == 1) {
				t.Errorf("%v: %s", protocols, text)
			}
		}
	})
}

// TestReliableCut: the connection is lost again and again while messages flow; the client
// goes on on any node and has every message once, in order.
func TestReliableCut(t *testing.T) {
	onNodes(t, func(t *testing.T, nodes []*gateway) {
		c, publisher := nodes[0].reliable("chat"), nodes[0].connect("chat")
		c.join("g")
		said := 0
		for round := range 12 {
			publisher.count(said, said+9)
			switch round % 3 {
			case 0:
				c.hear(said + 4)
				c.acks()
			case 1:
				c.hear(said + 9)
			}
			c.cut()
			publisher.count(said+10, said+19)
			said += 20
			c.recover(nodes[round%len(nodes)])
			if round%2 == 0 {
				c.hear(said - 1)
			}
		}
		publisher.say1("g", said)
		c.hear(said)
		if c.got[0] != 0 || c.doubled > 0 {
			t.Errorf("the first is %d, and %d came twice with new numbers", c.got[0], c.doubled)
		}
		t.Logf("%d messages, %d dropped as known, %d refusals", len(c.got), c.dropped, c.refusals)
	})
}

// TestReliableTakeover: the old connection is still open on its node when the client comes
// back, on the same node or another: it is ended, and the session goes on.
func TestReliableTakeover(t *testing.T) {
	onNodes(t, func(t *testing.T, nodes []*gateway) {
		c, publisher := nodes[0].reliable("chat"), nodes[0].connect("chat")
		c.join("g")
		said := 0
		for round := range 6 {
			publisher.count(said, said+9)
			old := c.client
			c.recover(nodes[round%len(nodes)])
			said += 10
			publisher.say1("g", said)
			c.hear(said)
			said++
			for {
				if _, _, err := old.read(); err != nil {
					break
				}
			}
		}
		if c.doubled > 0 {
			t.Errorf("%d messages came twice with new numbers", c.doubled)
		}
		for i, node := range nodes {
			if n := node.metric(`tidegate_session_recoveries_total{outcome="dead_node"}`); n != 0 {
				t.Errorf("node %d took %g sessions from one that lives for those of a dead one", i, n)
			}
		}
	})
}

// TestReliableUnknown: who shows a wrong token, or a session that there is not or that
// has expired or was closed, is closed with 1008.
func TestReliableUnknown(t *testing.T) {
	onNodes(t, func(t *testing.T, nodes []*gateway) {
		last := nodes[len(nodes)-1]
		c := nodes[0].reliable("chat")
		c.join("g")
		refused := func(what, id, token string, node *gateway) {
			t.Helper()
			d, err := dial(t, "ws://"+node.public+"/client/hubs/chat"+recovery(id, token), nil, "json.reliable.webpubsub.azure.v1")
			if err != nil {
				t.Fatal(err)
			}
			if code := d.closedWith(); code != ws.StatusPolicyViolation {
				t.Errorf("%s: closed with %d, want 1008", what, code)
			}
		}
		refused("a wrong token", c.id, "x", nodes[0])
		refused("a wrong token on another node", c.id, "x", last)
		refused("an unknown session", "AAAAAAAAAAAAAAAAAAAAAA", c.token, last)
		refused("what is no connectionId", "x'/..", c.token, last)
		c.cut()
		eventually(t, "the session is kept", func() bool { return nodes[0].metric("tidegate_sessions_detached_total") == 1 })
		refused("a wrong token after the cut", c.id, "x", last)
		c.recover(last)
		id, token := c.id, c.token
		if err := ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, "")))); err != nil {
			t.Fatal(err)
		}
		c.closedWith()
		c.conn.Close()
		eventually(t, "the close is counted", func() bool { return last.metric(`tidegate_closes_total{reason="client_closed"}`) > 0 })
		refused("after a proper close", id, token, nodes[0])
		d := nodes[0].reliable("chat")
		d.join("g")
		d.cut()
		eventually(t, "the session has expired", func() bool {
			e, err := dial(t, "ws://"+nodes[0].public+"/client/hubs/chat"+recovery(d.id, "x"), nil, "json.reliable.webpubsub.azure.v1")
			if err == nil {
				e.closedWith()
			}
			return nodes[0].metric("tidegate_session_records_waiting") == 0
		})
		time.Sleep(1200 * time.Millisecond) // the expiry
		refused("after the expiry", d.id, d.token, last)
	}, "--set", "session.expiry=1s")
}

// TestReliableAcks: an ackId that was done before the connection was lost is known after.
func TestReliableAcks(t *testing.T) {
	onNodes(t, func(t *testing.T, nodes []*gateway) {
		c := nodes[0].reliable("chat")
		c.join("g")
		for _, id := range []int{5, 7, 900} {
			c.send(`{"type":"sendToGroup","group":"g","data":%d,"ackId":%d}`, id, id)
		}
		for acked := 0; acked < 3; {
			if f, n := c.numbered(); n == 0 && f.Success {
				acked++
			}
		}
		c.cut()
		c.recover(nodes[len(nodes)-1])
		for _, id := range []int{5, 7, 900, 1} {
			c.send(`{"type":"sendToGroup","group":"g","data":0,"ackId":%d}`, id)
			f, n := c.numbered()
			for n != 0 {
				f, n = c.numbered()
			}
			if f.AckID != uint64(id) || f.Error.Name != "Duplicate" {
				t.Errorf("ackId %d: %+v, want Duplicate", id, f)
			}
		}
	})
}

// TestReliableWindow: a client that does not ack gets so many messages and no more, and
// goes on when it does, without a hole; before, numbers jump to have it ack.
func TestReliableWindow(t *testing.T) {
	onNodes(t, func(t *testing.T, nodes []*gateway) {
		const said = 6000
		c := nodes[0].reliable("chat")
		c.join("g")
		publisher := nodes[len(nodes)-1].connect("chat")
		for i := range said {
			publisher.send(`{"type":"sendToGroup","group":"g","data":%d}`, i)
		}
		publisher.say1("h", said)
		eventually(t, "the client is late", func() bool { return nodes[0].metric("tidegate_fell_behind_total") > 0 })
		acked, jumps := 0, 0
		for len(c.got) < said {
			before := c.last
			f, n := c.numbered()
			if at := f.number(t); at != len(c.got) {
				t.Fatalf("got %d, want %d", at, len(c.got))
			}
			c.got = append(c.got, 0)
			if n > before+300 {
				jumps++
				c.acks()
				acked = len(c.got)
			}
			if len(c.got)-acked > 1024+256 {
				t.Fatalf("%d messages came without an ack", len(c.got)-acked)
			}
		}
		if jumps == 0 {
			t.Error("no number jumped, and the client was not asked to ack")
		}
	}, append(unlimited, "--set", "limits.unacked_messages=1024", "--set", "capacity=10000")...)
}

// TestReliableDrain: a node ends; its clients go on on the other.
func TestReliableDrain(t *testing.T) {
	redis := brokertest.StartRedis(t)
	one, two := start(t, "--broker", redis.URL()), start(t, "--broker", redis.URL())
	c, publisher := one.reliable("chat"), two.connect("chat")
	c.join("g")
	publisher.count(0, 49)
	c.hear(20)
	c.acks()
	ended := make(chan error, 1)
	go func() { ended <- one.stop() }()
	for {
		if _, _, err := c.read(); err != nil {
			break // what came besides comes again
		}
	}
	c.recover(two)
	publisher.count(50, 60)
	c.hear(60)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if c.doubled > 0 {
		t.Errorf("%d messages came twice with new numbers", c.doubled)
	}
}

// TestReliableKilled: kill -9 of a node; its clients go on on another from its last
// checkpoint. Messages may come twice, none is missing, and no join that was acked is
// forgotten.
func TestReliableKilled(t *testing.T) {
	redis := brokertest.StartRedis(t)
	dying, other := spawn(t, "--broker", redis.URL(), "--set", "capacity=10000"), start(t, "--broker", redis.URL(), "--set", "capacity=10000")
	publisher := other.connect("chat")
	clients := make([]*reliableClient, 5)
	for i := range clients {
		clients[i] = dying.reliable("chat")
		clients[i].t = t
	}
	said := 0
	for i, c := range clients {
		if i == 3 {
			time.Sleep(2500 * time.Millisecond) // checkpoints are made, of these and not of the rest
		}
		c.enters("h")
		c.enters("g")
		publisher.count(said, said+49)
		said += 50
	}
	for _, c := range clients {
		c.hear(said - 1 - 20)
		c.acks()
	}
	second := other.connect("chat")
	both := func(count int) {
		for i := said; i < said+count; i++ {
			publisher.say1("g", i)
			second.say1("h", i)
		}
		said += count
	}
	beside := said
	both(50)
	for _, c := range clients {
		c.hear(said - 1)
	}
	if err := dying.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-dying.ended
	both(50)
	for i, c := range clients {
		c.recover(other)
		c.hear(said - 1)
		for len(c.beside) < said-beside {
			f, _ := c.numbered()
			c.beside = append(c.beside, f.number(t))
		}
		for k, n := range c.beside {
			if n != beside+k {
				t.Fatalf("client %d, in the other group: got %d, want %d", i, n, beside+k)
			}
		}
		if want := i * 50; c.got[0] > want {
			t.Errorf("client %d has its first message at %d, want %d or before", i, c.got[0], want)
		}
		t.Logf("client %d: %d messages, %d of them twice with new numbers, %d with the old, %d refusals", i, len(c.got), c.doubled, c.dropped, c.refusals)
	}
}
