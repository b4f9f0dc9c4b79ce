package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// onNodes runs a test on one node with the memory broker, and on two with Redis.
func onNodes(t *testing.T, test func(t *testing.T, nodes []*gateway), settings ...string) {
	t.Run("memory", func(t *testing.T) { test(t, []*gateway{start(t, settings...)}) })
	t.Run("redis", func(t *testing.T) {
		args := append([]string{"--broker", brokertest.StartRedis(t).URL()}, settings...)
		test(t, []*gateway{start(t, args...), start(t, args...)})
	})
}

// enter joins a group with further members of the request, and returns the ack.
func (c *client) enter(group, members string) frame {
	c.t.Helper()
	c.send(`{"type":"joinGroup","group":%q,"ackId":1%s}`, group, members)
	f := c.ack(1)
	if !f.Success || f.Position == "" {
		c.t.Fatalf("join: %+v", f)
	}
	return f
}

// speak publishes numbers to a group, each acked before the next, until stop.
func (c *client) speak(group string, stop *atomic.Bool) (spoken int) {
	for !stop.Load() {
		c.say1(group, spoken)
		spoken++
	}
	return spoken
}

// say1 publishes one number and waits for its ack.
func (c *client) say1(group string, i int) frame {
	c.t.Helper()
	c.send(`{"type":"sendToGroup","group":%q,"data":%d,"ackId":%d}`, group, i, 1000+i)
	f := c.ack(uint64(1000 + i))
	if !f.Success {
		c.t.Errorf("message %d: %+v", i, f)
	}
	return f
}

// number is the message's data as a number.
func (f frame) number(t testing.TB) (i int) {
	t.Helper()
	if err := json.Unmarshal(f.Data, &i); err != nil {
		t.Fatalf("%v in %+v", err, f)
	}
	return i
}

// TestResumeUnderLoad: members that leave all the time, or lose their connection, and
// come back with since on a random node, while messages flow, get each message once and
// in order.
func TestResumeUnderLoad(t *testing.T) {
	onNodes(t, resumeUnderLoad, "--set", "capacity=100000")
}

func resumeUnderLoad(t *testing.T, nodes []*gateway) {
	const members, visits = 8, 25
	var stop atomic.Bool
	publisher := nodes[0].connect("chat")
	spoken := make(chan int, 1)
	go func() { spoken <- publisher.speak("g", &stop) }()
	var all sync.WaitGroup
	last := make([]int, members)
	for i := range members {
		all.Go(func() { last[i] = wander(t, nodes, visits) })
	}
	all.Wait()
	stop.Store(true)
	total := <-spoken
	for i, n := range last {
		t.Logf("member %d has got up to %d of %d", i, n, total)
	}
	if t.Failed() {
		t.Log(nodes[0].log)
	}
}

// wander is one member's visits; it returns the last number that it got.
func wander(t *testing.T, nodes []*gateway, visits int) (last int) {
	since, next := "", -1
	for visit := range visits {
		c := nodes[rand.IntN(len(nodes))].connect("chat")
		members := ""
		if since != "" {
			members = fmt.Sprintf(`,"since":%q`, since)
		}
		f := c.enter("g", members)
		if since != "" && (f.Recovered == nil || !*f.Recovered || f.Position != since) {
			t.Errorf("visit %d since %s: %+v", visit, since, f)
			return next
		}
		since = f.Position
		for range rand.IntN(60) {
			m := c.message("g")
			got := m.number(t)
			if next >= 0 && got != next {
				t.Errorf("visit %d: got %d, want %d", visit, got, next)
				return next
			}
			next, since = got+1, m.Position
		}
		c.conn.Close()
	}
	return next - 1
}

// TestResumeStays: the same connection leaves and joins again with since; a message that
// it sends right behind its join comes after what it had missed, once.
func TestResumeStays(t *testing.T) {
	onNodes(t, func(t *testing.T, nodes []*gateway) {
		publisher, c := nodes[len(nodes)-1].connect("chat"), nodes[0].connect("chat")
		publisher.say1("g", 0)
		since := c.join("g")
		said := 1
		for round := range 10 {
			c.send(`{"type":"leaveGroup","group":"g","ackId":%d}`, 2+3*round)
			c.ack(uint64(2 + 3*round))
			for range 5 {
				publisher.say1("g", said)
				said++
			}
			c.send(`{"type":"joinGroup","group":"g","ackId":%d,"since":%q}`, 3+3*round, since)
			c.send(`{"type":"sendToGroup","group":"g","data":%d}`, said)
			said++
			if f := c.ack(uint64(3 + 3*round)); f.Position != since || f.Recovered == nil || !*f.Recovered {
				t.Fatalf("round %d: %+v", round, f)
			}
			for i := said - 6; i < said; i++ {
				m := c.message("g")
				if got := m.number(t); got != i {
					t.Fatalf("round %d: got %d, want %d", round, got, i)
				}
				since = m.Position
			}
		}
	})
}

// TestHistory: the last messages come before the live ones, the connection's own with
// noEcho excepted; and what asks for nothing gets nothing.
func TestHistory(t *testing.T) {
	onNodes(t, func(t *testing.T, nodes []*gateway) {
		publisher, c := nodes[len(nodes)-1].connect("chat"), nodes[0].connect("chat")
		if f := c.enter("quiet", `,"history":5`); f.Recovered != nil {
			t.Errorf("without since: %+v", f)
		}
		for i := range 10 {
			publisher.say1("g", i)
		}
		for round, history := range []int{3, 100, 0, 1} {
			c.send(`{"type":"sendToGroup","group":"g","data":"own","noEcho":true,"ackId":%d}`, 50+round)
			c.ack(uint64(50 + round))
			c.send(`{"type":"joinGroup","group":"g","history":%d,"ackId":%d}`, history, 60+history)
			if f := c.ack(uint64(60 + history)); !f.Success || f.Recovered != nil {
				t.Fatalf("join: %+v", f)
			}
			said := 10 + round
			publisher.say1("g", said)
			first := said - max(history-1, 0) // the own one is among them
			if history > said {
				first = 0
			}
			for i := first; i <= said; i++ {
				if got := c.message("g").number(t); got != i {
					t.Fatalf("history %d: got %d, want %d", history, got, i)
				}
			}
			c.send(`{"type":"leaveGroup","group":"g","ackId":%d}`, 300+history)
			c.ack(uint64(300 + history))
		}
	})
}

// TestResumeRefused: what is no position, and what is too much, gets an ack that says so.
func TestResumeRefused(t *testing.T) {
	g := start(t, "--set", "capacity=50")
	c := g.connect("chat")
	for i, members := range []string{`"since":""`, `"since":"x"`, `"since":"1-"`, `"since":"-1-0"`, `"history":51`, `"history":18446744073709551615`} {
		c.send(`{"type":"joinGroup","group":"g","ackId":%d,%s}`, i+1, members)
		if f := c.ack(uint64(i + 1)); f.Success || f.Error.Name != "BadRequest" || !strings.Contains(f.Error.Message, "since") && !strings.Contains(f.Error.Message, "capacity") {
			t.Errorf("%s: %+v", members, f)
		}
	}
	c.send(`{"type":"joinGroup","group":"g","since":1}`)
	if code := c.closedWith(); code != ws.StatusInvalidFramePayloadData {
		t.Errorf("since that is no string: closed with %d", code)
	}
}

// TestNotRecovered: a member that was away for longer than the stream reaches back is
// told so, and goes on from the position in the ack; with history it gets that first.
func TestNotRecovered(t *testing.T) {
	onNodes(t, func(t *testing.T, nodes []*gateway) {
		publisher, c, d := nodes[0].connect("chat"), nodes[len(nodes)-1].connect("chat"), nodes[0].connect("chat")
		since := c.join("g")
		c.conn.Close()
		const said = 1200
		for i := range said {
			publisher.say1("g", i)
		}
		if f := d.enter("g", fmt.Sprintf(`,"since":%q,"history":10`, since)); f.Recovered == nil || *f.Recovered {
			t.Fatalf("since %s: %+v", since, f)
		}
		e := nodes[len(nodes)-1].connect("chat")
		f := e.enter("g", fmt.Sprintf(`,"since":%q`, since))
		if f.Recovered == nil || *f.Recovered {
			t.Fatalf("since %s: %+v", since, f)
		}
		publisher.say1("g", said)
		for i := said - 10; i <= said; i++ {
			if got := d.message("g").number(t); got != i {
				t.Fatalf("with history: got %d, want %d", got, i)
			}
		}
		for m := e.message("g"); ; m = e.message("g") {
			if got := m.number(t); got == said {
				break
			} else if len(nodes) == 1 {
				t.Fatalf("without history: got %d, want %d", got, said)
			}
		}
	}, "--set", "capacity=50")
}

// TestResumeTwice: a member that joins again stays as it is, and since is honoured if it
// is not before what the member gets.
func TestResumeTwice(t *testing.T) {
	g := start(t)
	publisher, c := g.connect("chat"), g.connect("chat")
	before := publisher.say1("g", 0).Position
	at := c.join("g")
	for i, since := range []string{at, before, "1-0"} {
		c.send(`{"type":"joinGroup","group":"g","ackId":%d,"since":%q}`, 10+i, since)
		f := c.ack(uint64(10 + i))
		if !f.Success || f.Position != at || f.Recovered == nil || *f.Recovered != (since == at || since == before && before == at) {
			t.Errorf("since %s, and it has what is after %s: %+v", since, at, f)
		}
	}
	publisher.say1("g", 1)
	if got := c.message("g").number(t); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
}

// TestResumeWithoutBroker: while the broker is away a join that has to look at the
// stream fails, with an ack that says so, and may be tried again.
func TestResumeWithoutBroker(t *testing.T) {
	redis := brokertest.StartRedis(t)
	g := start(t, "--broker", redis.URL())
	c, other := g.connect("chat"), g.connect("chat")
	g.connect("chat").join("g") // so that it is open, and only the stream is to be looked at
	other.say1("g", 0)
	redis.Kill()
	c.send(`{"type":"joinGroup","group":"g","ackId":2,"history":1}`)
	if f := c.ack(2); f.Success || f.Error.Name != "InternalServerError" || !strings.Contains(f.Error.Message, "broker") {
		t.Errorf("join: %+v", f)
	}
	redis.Restart()
	// The node may be ready still, from before, while it has not seen Redis back.
	eventually(t, "the join may be tried again", func() bool {
		c.send(`{"type":"joinGroup","group":"g","ackId":2,"history":1}`)
		return c.ack(2).Success
	})
}
