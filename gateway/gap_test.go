package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestGap: a mark of a loss comes to stand in the group's stream, as a node adds it that
// has found one. Each member learns of it in the way that it
// understands, and goes on: who has asked, in a notice at once; others by the mark on
// the next message; a simple client by its close.
func TestGap(t *testing.T) {
	redis := brokertest.StartRedis(t)
	g, other := start(t, "--broker", redis.URL()), start(t, "--broker", redis.URL())
	publisher := other.connect("chat")
	since := publisher.say1("g", 0).Position
	told := make([]*client, 3)
	for i, members := range []string{`,"gaps":true`, `,"history":1`, fmt.Sprintf(`,"since":%q`, since)} {
		told[i] = g.connect("chat")
		told[i].enter("g", members)
	}
	plain, simple := g.connect("chat"), g.simpleIn("/ws/chat/g/")
	plain.join("g")
	publisher.say1("g", 1)
	if m := plain.message("g"); m.Gap {
		t.Errorf("before anything was lost: %+v", m)
	}
	redis.CLI("XADD", "tg:chat:g", "*", "lost", "1")
	simple.closedWith() // 1013, of which this client's library does not know
	notices := make([]frame, len(told))
	for i, c := range told {
		for notices[i] = c.next(); notices[i].Type == "message"; notices[i] = c.next() {
			if notices[i].Gap {
				t.Errorf("member %d, before anything was lost: %+v", i, notices[i])
			}
		}
		if f := notices[i]; f.Type != "system" || f.Event != "gap" || f.Group != "g" || f.Position == "" {
			t.Errorf("member %d: %+v, want the notice of a gap", i, f)
		}
	}
	late := g.connect("chat")
	if f := late.enter("g", fmt.Sprintf(`,"since":%q`, since)); *f.Recovered {
		t.Errorf("since before the gap: %+v", f)
	}
	for i := 2; i < 4; i++ {
		publisher.say1("g", i)
		for k, c := range append(told, plain) {
			if m := c.message("g"); m.number(t) != i || m.Gap != (i == 2) {
				t.Errorf("member %d, message %d: %+v", k, i, m)
			}
		}
	}
	for _, node := range []*gateway{g, other} {
		eventually(t, "the node is ready", func() bool { return ready(node) })
		if _, body := node.get(node.public, "/readyz"); strings.Contains(body, "lost") != (node == g) {
			t.Errorf("readiness says %q, want it to tell of the loss where the group has members", body)
		}
		if n := node.metric(`app_errors_total{reason="broker_gap"}`); n > 1 {
			t.Errorf("%g gaps were counted for one", n)
		}
	}
	eventually(t, "the simple client's close is counted", func() bool { return g.metric(`tidegate_closes_total{reason="gap"}`) == 1 })
}

// TestGapOfSlowReader: who was late when the stream lost what he had missed is told, and
// goes on; nothing comes to him twice, and no order is lost.
func TestGapOfSlowReader(t *testing.T) {
	onEachBroker(t, func(t *testing.T, broker string) {
		g := tight(t, broker, "50")
		publisher, slow := g.connect("chat"), g.connect("chat")
		slow.enter("a", `,"gaps":true`)
		const last = 600
		for i := range last {
			publisher.say(i, "a")
		}
		next, gaps := 0, 0
		for next < last {
			f := slow.next()
			if f.Event == "gap" {
				gaps++
				publisher.say(last-1+gaps, "a") // there is an end to be seen
				continue
			}
			var at int
			if _, err := fmt.Sscanf(string(f.Data[1:7]), "%d", &at); err != nil {
				t.Fatal(err)
			}
			if at != next && (gaps == 0 || at < next) {
				t.Fatalf("got %d, want %d; %d gaps were announced", at, next, gaps)
			}
			next = at + 1
		}
		if gaps == 0 {
			t.Error("nothing was lost: the test shows nothing")
		}
		if n := g.metric(`tidegate_closes_total{reason="slow_reader"}`); n != 0 {
			t.Errorf("%g readers were closed who had asked to be told", n)
		}
	})
}
