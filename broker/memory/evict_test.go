package memory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// bounded is a broker whose streams may hold so many bytes.
func bounded(t *testing.T, bytes int, expiry time.Duration, r broker.Receiver) *Broker {
	t.Helper()
	l := broker.Limits{Capacity: 100_000, GroupExpiry: expiry, QueueMessages: 100_000, QueueBytes: 1 << 30}
	if r.Published == nil {
		r.Published = func([]broker.Outcome) {}
	}
	if r.Deliver == nil {
		r.Deliver = func([]*broker.Message) {}
	}
	if r.Opened == nil {
		r.Opened = func(broker.Group, broker.Position, error) {}
	}
	b, err := New(Config{Limits: l, Bytes: bytes, Receiver: r, Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func group(format string, args ...any) broker.Group {
	return broker.Group{Hub: "chat", Name: fmt.Sprintf(format, args...)}
}

// say publishes messages of a size to a group.
func say(t *testing.T, b *Broker, g broker.Group, n, size int) {
	t.Helper()
	for range n {
		if _, err := b.Publish([]broker.Publication{{Message: &broker.Message{Group: g, Data: make([]byte, size)}}}); err != nil {
			t.Fatal(err)
		}
	}
}

// held are a group's messages that can still be read.
func held(t *testing.T, b *Broker, g broker.Group) int {
	t.Helper()
	all, err := b.Last(context.Background(), g, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not so: %s", what)
		}
	}
}

// TestEvictOldest: beyond the bound the oldest messages go, whichever group they are in,
// and their readers learn of it; what is newer than they are stays in every group.
func TestEvictOldest(t *testing.T) {
	const bound = 1 << 20
	b := bounded(t, bound, time.Hour, broker.Receiver{})
	quiet, loud, late := group("quiet"), group("loud"), group("late")
	say(t, b, quiet, 1, 100)
	first, err := b.Last(t.Context(), quiet, 1)
	if err != nil || len(first) != 1 {
		t.Fatal(first, err)
	}
	time.Sleep(20 * time.Millisecond) // the clock of positions has milliseconds
	await(t, "the oldest message has gone", func() bool {
		say(t, b, loud, 20, 1000)
		return held(t, b, quiet) == 0
	})
	if n := held(t, b, loud); n == 0 {
		t.Error("nothing is left of the group that was spoken in last")
	}
	say(t, b, late, 1, 100)
	await(t, "the bound is kept", func() bool { return b.kept.Load() <= bound })
	if held(t, b, late) != 1 {
		t.Error("the newest message went")
	}
	if b.counts.evicted.Get() == 0 {
		t.Error("nothing is counted")
	}
	before := first[0].Position
	before.Ms--
	if _, err := b.Read(t.Context(), quiet, before, 10); !errors.Is(err, broker.ErrTrimmed) {
		t.Errorf("who reads on from before what went is told %v", err)
	}
	if whole, err := b.Resume(t.Context(), quiet, broker.Position{}); whole || err != nil {
		t.Errorf("the history of who lost a message is whole: %v, %v", whole, err)
	}
}

// TestEvictNames: groups that are only joined and left do not fill the memory, and one that
// somebody is in stays.
func TestEvictNames(t *testing.T) {
	const bound = 1 << 20
	heard := make(chan *broker.Message, 1)
	b := bounded(t, bound, time.Hour, broker.Receiver{Deliver: func(all []*broker.Message) { heard <- all[0] }})
	home := group("home")
	b.Subscribe(home)
	for i := range 4 * bound / streamExpense {
		g := group("name-%d", i)
		b.Subscribe(g)
		b.Unsubscribe(g)
		if i%100 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	await(t, "the bound is kept", func() bool { return b.kept.Load() <= bound })
	if n := b.streams(); n > bound/streamExpense {
		t.Errorf("%d groups are left", n)
	}
	say(t, b, home, 1, 10)
	select {
	case m := <-heard:
		if m.Group != home {
			t.Errorf("heard %+v", m)
		}
	case <-time.After(patience):
		t.Error("who is in a group all the time hears nothing of it")
	}
}

// TestAccount: what comes and goes in all ways leaves nothing on the account.
func TestAccount(t *testing.T) {
	b := bounded(t, 64<<10, 200*time.Millisecond, broker.Receiver{})
	for round := range 20 {
		for i := range 10 {
			g := group("g-%d", i)
			b.Subscribe(g)
			say(t, b, g, 20, 500*round)
			b.Unsubscribe(g)
		}
	}
	await(t, "all groups have expired", func() bool { return b.streams() == 0 })
	if kept := b.kept.Load(); kept != 0 {
		t.Errorf("%d bytes are on the account of no streams", kept)
	}
}

// TestUnreadIsNotEvicted: what nobody has read yet is kept, whatever the bound is.
func TestUnreadIsNotEvicted(t *testing.T) {
	gate := make(chan struct{})
	first, all := make(chan struct{}, 1), make(chan int, 1000)
	b := bounded(t, 1<<10, time.Hour, broker.Receiver{Deliver: func(messages []*broker.Message) {
		select {
		case first <- struct{}{}:
		default:
		}
		<-gate
		all <- len(messages)
	}})
	g := group("g")
	b.Subscribe(g)
	say(t, b, g, 1, 1000)
	<-first
	say(t, b, g, 50, 1000)
	b.evict()
	close(gate)
	for n := 0; n < 51; {
		select {
		case more := <-all:
			n += more
		case <-time.After(patience):
			t.Fatalf("%d of 51 messages came", n)
		}
	}
}
