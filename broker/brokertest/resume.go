package brokertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// whole checks what a broker says of a resume.
func (n *node) whole(what string, g broker.Group, since broker.Position, want bool) {
	n.t.Helper()
	got, err := n.broker.Resume(n.t.Context(), g, since)
	if err != nil || got != want {
		n.t.Errorf("resume since %s: whole is %t, %v; want %t", what, got, err, want)
	}
}

// resume: from a message's position all is there, from one that the stream has never
// given it is not known to be; whether the node follows the group or not.
func resume(t *testing.T, s Suite) {
	n := start(t, s, limits())
	check := func() {
		t.Helper()
		first := n.publish(lobby, "first")
		middle := n.publish(lobby, "middle")
		tail := n.publish(lobby, "tail")
		eventually(t, "all of it can be read", func() bool {
			all, err := n.broker.Read(t.Context(), lobby, first, 10)
			return err == nil && len(all) == 2
		})
		n.whole("the first", lobby, first, true)
		n.whole("the middle", lobby, middle, true)
		n.whole("the tail", lobby, tail, true)
		n.whole("a position beyond the tail", lobby, broker.Position{Ms: tail.Ms + 10_000}, false)
		n.whole("a position that was never given", lobby, broker.Position{Ms: middle.Ms, Seq: middle.Seq + 1_000_000}, false)
		n.whole("a position long ago", lobby, broker.Position{Ms: 1}, false)
		n.whole("a position of a group that nobody knows", broker.Group{Hub: "chat", Name: "unknown"}, middle, false)
	}
	check()
	n.subscribe(lobby)
	check()
	n.broker.Unsubscribe(lobby)
	check()
}

// resumeTrimmed: behind what was trimmed nothing is whole, behind the oldest that is kept
// everything is.
func resumeTrimmed(t *testing.T, s Suite) {
	l := limits()
	l.Capacity = 100
	n := start(t, s, l)
	first := n.publish(lobby, "first")
	for i := range 1000 {
		n.publish(lobby, fmt.Sprint(i))
	}
	n.whole("the first, which was trimmed", lobby, first, false)
	n.whole("the beginning", lobby, broker.Position{}, false)
	kept, err := n.broker.Read(t.Context(), lobby, broker.Position{}, 10_000)
	if err != nil || len(kept) < l.Capacity {
		t.Fatalf("%d messages are kept, %v", len(kept), err)
	}
	n.whole("the oldest that is kept", lobby, kept[0].Position, true)
	n.whole("the newest", lobby, kept[len(kept)-1].Position, true)
}

// resumeBeginning: the zero position is whole for as long as nothing was let go.
func resumeBeginning(t *testing.T, s Suite) {
	n := start(t, s, limits())
	n.whole("the beginning of a group that nobody spoke in", lobby, broker.Position{}, true)
	empty := broker.Beginning(time.Now())
	n.whole("the time at which it was empty", lobby, empty, true)
	for i := range 5 {
		n.publish(lobby, fmt.Sprint(i))
	}
	n.whole("the beginning", lobby, broker.Position{}, true)
	n.whole("the time at which it was empty", lobby, empty, true)
	all, err := n.broker.Read(t.Context(), lobby, broker.Position{}, 10)
	if err != nil || len(all) != 5 {
		t.Errorf("from the beginning there are %d messages, %v; want 5", len(all), err)
	}
}

// resumeInFlow leaves and comes back while messages flow: what is read from the position
// of the last message on, and what is delivered after that, is everything, once.
func resumeInFlow(t *testing.T, s Suite) {
	n := start(t, s, limits())
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				n.wait(n.send(message(lobby, fmt.Sprint(i))))
			}
		}
	}()
	at := n.subscribe(lobby)
	last := n.after(lobby, at)
	for range 10 {
		n.broker.Unsubscribe(lobby)
		time.Sleep(time.Millisecond) // something is said meanwhile
		live := n.subscribe(lobby)
		n.whole("the last that was had", lobby, last.Position, true)
		last = n.replay(last, live)
		for range 20 {
			m := n.after(lobby, last.Position)
			if number(t, m) != number(t, last)+1 {
				t.Fatalf("delivered %s after %s", m.Data, last.Data)
			}
			last = m
		}
	}
	close(stop)
	<-ended
}

// replay reads what comes after a message, up to a position at least, and returns the
// last of it.
func (n *node) replay(last *broker.Message, to broker.Position) *broker.Message {
	n.t.Helper()
	for last.Position.Before(to) {
		page, err := n.broker.Read(n.t.Context(), lobby, last.Position, 7)
		if err != nil || len(page) == 0 {
			n.t.Fatalf("after %s, and before %s, there are %d messages, %v", last.Position, to, len(page), err)
		}
		for _, m := range page {
			if number(n.t, m) != number(n.t, last)+1 {
				n.t.Fatalf("read %s after %s", m.Data, last.Data)
			}
			last = m
		}
	}
	return last
}

// last: the newest messages, in their order, as many as there are.
func last(t *testing.T, s Suite) {
	n := start(t, s, limits())
	f := func(count, from, want int) {
		t.Helper()
		all, err := n.broker.Last(t.Context(), lobby, count)
		if err != nil || len(all) != want {
			t.Fatalf("the last %d are %d, %v; want %d", count, len(all), err, want)
		}
		for i, m := range all {
			if number(t, m) != from+i {
				t.Errorf("of the last %d, number %d is %s", count, i, m.Data)
			}
		}
	}
	f(5, 0, 0)
	for i := range 10 {
		n.publish(lobby, fmt.Sprint(i))
	}
	f(3, 7, 3)
	f(10, 0, 10)
	f(100, 0, 10)
	f(0, 0, 0)
	f(-1, 0, 0)
}
