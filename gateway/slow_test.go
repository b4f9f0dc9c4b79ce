package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// onEachBroker runs a test on the memory broker and on Redis.
func onEachBroker(t *testing.T, test func(t *testing.T, broker string)) {
	t.Run("memory", func(t *testing.T) { test(t, "memory") })
	t.Run("redis", func(t *testing.T) { test(t, brokertest.StartRedis(t).URL()) })
}

// tight is a gateway on which a client that does not read is soon a slow one.
func tight(t *testing.T, broker, capacity string) *gateway {
	return start(t, append(unlimited, "--broker", broker, "--set", "limits.send_buffer_bytes=16KiB",
		"--set", "limits.socket_buffer_bytes=64KiB", "--set", "capacity="+capacity)...)
}

// large is a payload that fills buffers; the number is in front.
func large(i int) string { return fmt.Sprintf("%06d", i) + strings.Repeat("x", 16<<10) }

// say publishes a large message to each group and waits for the acks, reading what
// comes beside them.
func (c *client) say(i int, groups ...string) {
	c.t.Helper()
	for k, group := range groups {
		c.send(`{"type":"sendToGroup","group":%q,"dataType":"text","data":%q,"noEcho":true,"ackId":%d}`, group, large(i), 100+i*len(groups)+k)
		if f := c.next(); f.Type != "ack" || !f.Success {
			c.t.Fatalf("got %+v, want the ack of message %d", f, i)
		}
	}
}

// hears reads a large message, which must be this one.
func (c *client) hears(i int, group string) {
	c.t.Helper()
	f := c.message(group)
	if got := string(f.Data[1:7]); got != large(i)[:6] {
		c.t.Fatalf("group %s: got message %s, want %d", group, got, i)
	}
}

// TestSlowReaders: members that do not read for long fall behind, and get everything
// in order when they read again, while the others get it as it comes. Afterwards they
// are members like others.
func TestSlowReaders(t *testing.T) {
	onEachBroker(t, func(t *testing.T, broker string) {
		const messages = 300
		g := tight(t, broker, "1000")
		publisher, quick := g.connect("chat"), g.connect("chat")
		quick.join("a")
		slow := make([]*client, 5)
		for i := range slow {
			slow[i] = g.connect("chat")
			slow[i].join("a")
		}
		for i := range messages {
			publisher.say(i, "a")
			quick.hears(i, "a")
		}
		if n := g.metric("tidegate_fell_behind_total"); n < float64(len(slow)) {
			t.Fatalf("%g members fell behind, want %d or more: the test shows nothing", n, len(slow))
		}
		for i := range messages {
			for _, s := range slow {
				s.hears(i, "a")
			}
		}
		eventually(t, "all have caught up", func() bool {
			return g.metric("tidegate_caught_up_total") == g.metric("tidegate_fell_behind_total")
		})
		for i := messages; i < messages+5; i++ {
			publisher.say(i, "a")
			quick.hears(i, "a")
			for _, s := range slow {
				s.hears(i, "a")
			}
		}
		if n := g.metric(`tidegate_closes_total{reason="slow_reader"}`); n != 0 {
			t.Errorf("%g slow readers were closed", n)
		}
	})
}

// TestSlowReaderInTwoGroups: who is slow in one group is late in all, and each group
// stays in its order. What it publishes itself with noEcho does not come back by way
// of the stream either, and a group that it leaves is silent.
func TestSlowReaderInTwoGroups(t *testing.T) {
	onEachBroker(t, func(t *testing.T, broker string) {
		const messages = 150
		g := tight(t, broker, "1000")
		publisher, slow := g.connect("chat"), g.connect("chat")
		groups := []string{"a", "b"}
		for i, group := range groups {
			slow.send(`{"type":"joinGroup","group":%q,"ackId":%d}`, group, i+1)
			slow.ack(uint64(i + 1))
		}
		publisher.say(0, groups...)
		for _, group := range groups {
			slow.hears(0, group)
		}
		for i := 1; i <= messages; i++ {
			publisher.say(i, groups...)
			if i == messages/2 {
				slow.send(`{"type":"sendToGroup","group":"a","data":"my own","noEcho":true}`)
			}
		}
		next := map[string]int{"a": 1, "b": 1}
		for range 2 * messages {
			f := slow.next()
			if got, want := string(f.Data[1:7]), large(next[f.Group])[:6]; got != want {
				t.Fatalf("group %q: got %s, want %s", f.Group, got, want)
			}
			next[f.Group]++
		}
		slow.send(`{"type":"leaveGroup","group":"a","ackId":7}`)
		slow.ack(7)
		publisher.say(messages+1, groups...)
		slow.hears(messages+1, "b")
	})
}

// TestSlowReaderFirstMessage: a member that is slow because of one group gets the very
// first message of another.
func TestSlowReaderFirstMessage(t *testing.T) {
	onEachBroker(t, func(t *testing.T, broker string) {
		const messages = 150
		g := tight(t, broker, "1000")
		publisher, slow := g.connect("chat"), g.connect("chat")
		for i, group := range []string{"busy", "quiet"} {
			slow.send(`{"type":"joinGroup","group":%q,"ackId":%d}`, group, i+1)
			slow.ack(uint64(i + 1))
		}
		for i := range messages {
			publisher.say(i, "busy")
		}
		publisher.say(messages, "quiet")
		publisher.say(messages+1, "quiet")
		got := make(map[string]int)
		for range messages + 2 {
			f := slow.next()
			want := got[f.Group]
			if f.Group == "quiet" {
				want += messages
			}
			if n := string(f.Data[1:7]); n != large(want)[:6] {
				t.Fatalf("group %q: got %s, want %d", f.Group, n, want)
			}
			got[f.Group]++
		}
		if g.metric("tidegate_fell_behind_total") < 2 {
			t.Error("it was late in one group at most: the test shows nothing")
		}
	})
}

// TestSlowReaderTrimmed: who reads so late that the stream no longer holds what it
// missed gets what comes before the hole, in order, and is closed with 1008.
func TestSlowReaderTrimmed(t *testing.T) {
	onEachBroker(t, func(t *testing.T, broker string) {
		g := tight(t, broker, "50")
		publisher, slow := g.connect("chat"), g.connect("chat")
		slow.join("a")
		publisher.say(0, "a")
		for i := 1; i < 600; i++ {
			publisher.say(i, "a")
		}
		next := 0
		for {
			text, _, err := slow.read()
			if err != nil {
				break
			}
			if !strings.Contains(text, fmt.Sprintf(`"data":"%06d`, next)) {
				t.Fatalf("message %d is missing or out of order", next)
			}
			next++
		}
		if next == 0 || next >= 600 {
			t.Errorf("it got %d messages: the test shows nothing", next)
		}
		eventually(t, "the close is counted", func() bool {
			return g.metric(`tidegate_closes_total{reason="slow_reader"}`) == 1
		})
	})
}

// TestAnswersUnread: a client that asks and asks and does not read the answers is
// closed with 1008; there is no position to remember for those.
func TestAnswersUnread(t *testing.T) {
	g := tight(t, "memory", "1000")
	c := g.connect("chat")
	ping := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`{"type":"ping"}`))))
	many := []byte(strings.Repeat(string(ping), 1000))
	for range 5000 { // 5 million answers fill every buffer
		if _, err := c.conn.Write(many); err != nil {
			break
		}
	}
	eventually(t, "the client is closed", func() bool {
		return g.metric(`tidegate_closes_total{reason="slow_reader"}`) == 1
	})
}
