package server

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// TestRun: what goes together is bounded, and gets to the same members.
func TestRun(t *testing.T) {
	f := func(want []int, messages ...broker.Message) {
		t.Helper()
		var all []*broker.Message
		for i := range messages {
			all = append(all, &messages[i])
		}
		var got []int
		for len(all) > 0 {
			n := run(all)
			got = append(got, n)
			all = all[n:]
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	small, large := broker.Message{Data: make([]byte, 10)}, broker.Message{Data: make([]byte, runBytes-10)}
	but := func(id string) broker.Message { return broker.Message{Exclude: id} }
	f([]int{1}, small)
	f([]int{2}, small, large)
	f([]int{2, 1}, small, large, small)
	f([]int{1, 1}, large, large)
	f([]int{1, 1, 1}, small, broker.Message{Data: make([]byte, runBytes+1)}, small)
	f([]int{1, 2, 1, 1}, small, but("a"), but("a"), but("b"), small)
	f([]int{runMessages, 6}, slices.Repeat([]broker.Message{small}, runMessages+6)...)
}

// TestPartly: a member that has some of the messages that go together gets the others,
// and no more, from the stream.
func TestPartly(t *testing.T) {
	n, members := together(t)
	g := broker.Group{Hub: "chat", Name: "g"}
	var middle broker.Position
	release := n.hold(0, func() {
		for _, m := range n.relay.lookup(g).workers[0].group.Members() {
			m.Member.from = middle
		}
	})
	var batch []broker.Publication
	for range 5 {
		batch = append(batch, broker.Publication{Message: &broker.Message{Group: g, Type: broker.Text, Data: fmt.Append(nil, n.spoken)}})
		n.spoken++
	}
	if _, err := n.relay.broker.Publish(batch); err != nil {
		t.Fatal(err)
	}
	if err := hear(members[1], 1, n.spoken); err != nil {
		t.Error(err)
	}
	all, err := n.relay.broker.Read(t.Context(), g, broker.Position{}, 100)
	if err != nil || len(all) != n.spoken {
		t.Fatal(len(all), err)
	}
	middle = all[3].Position
	release()
	if err := hear(members[0], 4, n.spoken); err != nil {
		t.Error(err)
	}
	n.say(1)
	if err := hear(members[0], n.spoken-1, n.spoken); err != nil {
		t.Error(err)
	}
}

// TestLacks: who has come and caught up while a message that nobody wanted in his form was on
// its way has it from the stream.
func TestLacks(t *testing.T) {
	n, members := together(t)
	topic := n.relay.lookup(broker.Group{Hub: "chat", Name: "g"})
	want := func(v variant, count int32) {
		topic.mu.Lock()
		defer topic.mu.Unlock()
		topic.wanted = [variants]int32{}
		topic.wanted[v] = count
	}
	release := []func(){n.hold(0), n.hold(1)}
	before := topic.position()
	want(jsonPlain, 1)
	n.say(1)
	for deadline := time.Now().Add(patience); topic.position() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the message was not encoded")
		}
	}
	want(simplePlain, 2)
	for _, f := range release {
		f()
	}
	n.say(1)
	for i, m := range members {
		if err := hear(m, 1, n.spoken); err != nil {
			t.Errorf("member %d: %v", i, err)
		}
	}
}
