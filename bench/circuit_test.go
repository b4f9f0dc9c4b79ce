package main

import (
	"io"
	"slices"
	"testing"
)

// A publisher whose server does not read stops, and what it published arrives whole.
func TestCircuitPublishWhileNobodyReads(t *testing.T) {
	near, far := socketPair(t)
	tmpl, err := newBareParcel("1", 70_000)
	if err != nil {
		t.Fatal(err)
	}
	p := &Publisher{Socket: near.Socket}
	c := &Circuit{shape: Shape{Groups: 2, Connections: 2}, template: tmpl, published: make([]uint64, 2), heard: make([]uint64, 2), bound: 1 << 30, publishers: []*Publisher{p}}
	for c.publish(0) {
		if err := c.send(); err != nil {
			t.Fatal(err)
		}
		if c.turns > 2000 {
			t.Fatal("140 MB were published with nobody reading")
		}
	}
	if n := c.turns; c.owed != int(n) || c.published[0]+c.published[1] != n {
		t.Errorf("%d turns, %d owed, %v published: want one account of them", n, c.owed, c.published)
	}
	got := make(chan []uint64)
	go func() {
		var seqs []uint64
		b := make([]byte, len(tmpl.bytes))
		for range c.turns {
			if _, err := io.ReadFull(far, b); err != nil {
				break
			}
			q, _ := findPayload(b, 70_000)
			seqs = append(seqs, q.Seq*2+uint64(q.Group))
		}
		got <- seqs
	}()
	poll(t, "the rest goes out", func() bool {
		if err := p.flush(); err != nil {
			t.Fatal(err)
		}
		return len(p.out) == 0
	})
	if seqs := <-got; uint64(len(seqs)) != c.turns || !slices.IsSorted(seqs) {
		t.Errorf("%d of %d messages arrived, or not in order", len(seqs), c.turns)
	}
}

// A group that is far behind is not published to, however few messages are under way
// in all.
func TestCircuitPublishToGroupBehind(t *testing.T) {
	near, _ := socketPair(t)
	c := testCircuit(Shape{Name: "2x3", Groups: 2, Connections: 6})
	c.publishers[0].fd, c.bound = near.fd, 15
	published := func() (n int) {
		for c.publish(0) {
			n++
		}
		return n
	}
	// 3 of each group are under way, and 5 may be.
	if n := published(); n != 4 {
		t.Fatalf("%d messages were published, want 4", n)
	}
	c.heard[1] += 9 // the other group is next
	if n := published(); n != 0 {
		t.Errorf("%d messages were published, want none before group 0 goes on", n)
	}
	c.heard[0] += 2 // not all members of one message
	if n := published(); n != 0 {
		t.Errorf("%d messages were published, want none before all members have one", n)
	}
	c.heard[0]++
	if n := published(); n != 2 || c.published[0] != 6 || c.published[1] != 6 {
		t.Errorf("%d messages were published, %v by group; want one each", n, c.published)
	}
}
