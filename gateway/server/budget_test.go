package server

import (
	"fmt"
	"testing"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// TestDeliverBudget: messages of a group that are read together cost the frame in which
// they go out, whatever their number and that of the members, and a batch nothing
// besides.
func TestDeliverBudget(t *testing.T) {
	const messages, members = 64, 5
	n := start(t, 1, 100)
	for range members {
		n.member() // which does not read: what it gets fits into the kernel's buffers
	}
	n.await(members)
	batch := make([]*broker.Message, messages)
	for i := range batch {
		batch[i] = &broker.Message{Group: broker.Group{Hub: "chat", Name: "g"}, Type: broker.Text, Data: fmt.Append(nil, i)}
	}
	at := broker.Position{Ms: 1 << 50}
	ran := make(chan struct{})
	done := func(*reactor.Worker) { ran <- struct{}{} }
	got := testing.AllocsPerRun(100, func() {
		for _, m := range batch {
			at.Seq++
			m.Position = at
		}
		n.relay.deliver(batch)
		if err := n.Workers[0].Post(done); err != nil {
			t.Error(err)
		}
		<-ran
	})
	if got > 1+4 { // the race detector has sync.Pool forget now and then
		t.Errorf("a batch of %d messages for %d members took %v allocations, want 1", messages, members, got)
	}
	if sent := n.metric("tidegate_deliveries_total"); sent < messages*members {
		t.Errorf("%g deliveries: the test shows nothing", sent)
	}
}

// TestNumberedBudget: for reliable members a batch costs what it is written into, which
// many of them share, and nothing per member.
func TestNumberedBudget(t *testing.T) {
	const messages, members = 64, 40
	n := start(t, 1, 100)
	for range members {
		n.dial("json.reliable.webpubsub.azure.v1", "")
	}
	batch := make([]*broker.Message, messages)
	for i := range batch {
		batch[i] = &broker.Message{Group: broker.Group{Hub: "chat", Name: "g"}, Type: broker.Text, Data: fmt.Append(nil, i)}
	}
	at := broker.Position{Ms: 1 << 50}
	ran := make(chan struct{})
	sessions := n.relay.reliables[0].all
	done := func(*reactor.Worker) {
		for s := range sessions {
			s.sequenceAck(1 << 60)
		}
		ran <- struct{}{}
	}
	got := testing.AllocsPerRun(10, func() {
		for _, m := range batch {
			at.Seq++
			m.Position = at
		}
		n.relay.deliver(batch)
		if err := n.Workers[0].Post(done); err != nil {
			t.Error(err)
		}
		<-ran
	})
	// 64 messages of some 120 bytes for 40 members are 20 pieces of 16 KiB, each grown once
	// or twice; that the window grows is amortized.
	if got > 2*members {
		t.Errorf("a batch of %d messages for %d reliable members took %v allocations", messages, members, got)
	}
	if sent := n.metric("tidegate_deliveries_total"); sent < messages*members {
		t.Errorf("%g deliveries: the test shows nothing", sent)
	}
	t.Logf("%v allocations for %d messages to each of %d members", got, messages, members)
}
