package brokertest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tidegate/tidegate/broker"
)

// readTrimmed: a position behind which something is gone is told from one behind
// which all is there, and so is one of a group that nobody knows any more.
func readTrimmed(t *testing.T, s Suite) {
	l := limits()
	l.Capacity = 100
	n := start(t, s, l)
	first := n.publish(lobby, "first")
	last := first
	for i := range 1000 {
		last = n.publish(lobby, fmt.Sprint(i))
	}
	all, err := n.broker.Read(t.Context(), lobby, first, 10)
	if !errors.Is(err, broker.ErrTrimmed) || len(all) != 0 {
		t.Errorf("a read behind what was trimmed gives %d messages, %v; want ErrTrimmed", len(all), err)
	}
	kept, err := n.broker.Read(t.Context(), lobby, broker.Position{}, 10_000)
	if err != nil || len(kept) < l.Capacity {
		t.Fatalf("%d messages are kept, %v", len(kept), err)
	}
	if all, err = n.broker.Read(t.Context(), lobby, kept[0].Position, 10_000); err != nil || len(all) != len(kept)-1 {
		t.Errorf("behind the oldest are %d messages, %v; want %d", len(all), err, len(kept)-1)
	}
	if all, err = n.broker.Read(t.Context(), lobby, last, 10); err != nil || len(all) != 0 {
		t.Errorf("behind the newest are %d messages, %v; want none", len(all), err)
	}
	if _, err = n.broker.Read(t.Context(), broker.Group{Hub: "chat", Name: "unknown"}, first, 10); !errors.Is(err, broker.ErrTrimmed) {
		t.Errorf("a read of a group that nobody knows, behind a position: %v, want ErrTrimmed", err)
	}
}

// batches: a batch enters in its order, over all of its groups; where the queue's
// bound cuts it off, what was taken is the front of it.
func batches(t *testing.T, s Suite) {
	l := limits()
	l.QueueMessages = 60
	n := start(t, s, l)
	other := broker.Group{Hub: "chat", Name: "other"}
	n.subscribe(lobby)
	n.subscribe(other)
	var acks []chan ack
	var batch []broker.Publication
	for i := range 100 {
		g := lobby
		if i%3 == 0 {
			g = other
		}
		acks = append(acks, make(chan ack, 2))
		batch = append(batch, broker.Publication{Message: message(g, fmt.Sprint(i)), Receipt: broker.Receipt{To: acks[i]}})
	}
	n.hold()
	taken, err := n.broker.Publish(batch)
	n.resume()
	if taken != l.QueueMessages || !errors.Is(err, broker.ErrFull) {
		t.Fatalf("a queue of %d took %d, %v", l.QueueMessages, taken, err)
	}
	for i := range taken {
		g := batch[i].Message.Group
		if m := n.next(g); number(t, m) != i {
			t.Errorf("group %s: got %s, want %d", g, m.Data, i)
		}
	}
	for _, done := range acks[:taken] {
		n.wait(done)
	}
	n.wait(n.send(message(lobby, "0"))) // the bound is free again
	if taken, err = n.broker.Publish(nil); taken != 0 || err != nil {
		t.Errorf("an empty batch: %d, %v", taken, err)
	}
}
