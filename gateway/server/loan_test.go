package server

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// tell has a member publish so many messages, numbered on.
func (n *node) tell(member *bufio.ReadWriter, count int) {
	n.t.Helper()
	for range count {
		if err := wsutil.WriteClientText(member, fmt.Append(nil, n.spoken)); err != nil {
			n.t.Fatal(err)
		}
		n.spoken++
	}
	if err := member.Flush(); err != nil {
		n.t.Fatal(err)
	}
}

// TestLentOverWorkers: what members say is read on their own worker's loop, what the
// application says by another goroutine; members on both workers get all of it in order.
func TestLentOverWorkers(t *testing.T) {
	n, members := together(t)
	for round := range 200 {
		first := n.spoken
		n.tell(members[round%2], 1+round%5*20)
		for _, m := range members {
			if err := hear(m, first, n.spoken); err != nil {
				t.Fatal(err)
			}
		}
		first = n.spoken
		n.say(round % 3)
		for _, m := range members {
			if err := hear(m, first, n.spoken); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n.metric("tidegate_broker_lent_batches_total") == 0 {
		t.Error("no loop was lent: the test shows nothing")
	}
}

// TestLentBehind: what is read on a loop that is lent does not overtake what was posted to
// that loop before.
func TestLentBehind(t *testing.T) {
	n, members := together(t)
	first := n.spoken
	release := n.hold(0, func() {
		m := &broker.Message{Group: broker.Group{Hub: "chat", Name: "g"}, Type: broker.Text, Data: fmt.Append(nil, first+1)}
		o := &n.relay.outboxes[0]
		o.batch = append(o.batch, broker.Publication{Message: m})
		o.hand(n.Workers[0])
	})
	n.say(1)
	if err := hear(members[1], first, first+1); err != nil { // it was posted to both
		t.Error(err)
	}
	n.spoken++
	release()
	for i, from := range []int{first, first + 1} {
		if err := hear(members[i], from, n.spoken); err != nil {
			t.Errorf("member %d: %v", i, err)
		}
	}
}

// fill fills a worker's urgent queue, which is held.
func (n *node) fill(worker int) {
	n.t.Helper()
	for {
		switch err := n.Workers[worker].TryPostUrgent(func(*reactor.Worker) {}); {
		case errors.Is(err, reactor.ErrFull):
			return
		case err != nil:
			n.t.Fatal(err)
		}
	}
}

// TestLentToStuck: a loop that is lent does not wait for a worker that takes nothing more;
// the other's members get what was said, in order, when it comes round.
func TestLentToStuck(t *testing.T) {
	n, members := together(t)
	release := n.hold(0)
	n.fill(0)
	first := n.spoken
	n.tell(members[1], 500)
	err := hear(members[1], first, n.spoken)
	release()
	if err != nil {
		t.Fatal("while the other worker is stuck:", err)
	}
	if err := hear(members[0], first, n.spoken); err != nil {
		t.Fatal("after it was stuck:", err)
	}
}

// TestUntold: outcomes for which there is no room in a worker's queue are told when there
// is.
func TestUntold(t *testing.T) {
	n, members := together(t)
	g := n.relay.lookup(broker.Group{Hub: "chat", Name: "g"})
	release := n.hold(0)
	s := g.workers[0].group.Members()[0].Member.session()
	n.fill(0)
	l := &n.relay.lanes[0]
	refused := broker.Outcome{Receipt: broker.Receipt{To: s}, Err: broker.ErrUnavailable}
	l.tell([]broker.Outcome{refused})
	if n.relay.roomy() {
		t.Error("a loop is lent while outcomes wait")
	}
	release()
	header, err := ws.ReadHeader(members[0])
	if err != nil || header.OpCode != ws.OpClose || header.Length < 2 {
		t.Fatalf("got %v, %v", header, err)
	}
	var code [2]byte
	if _, err := io.ReadFull(members[0], code[:]); err != nil || ws.StatusCode(binary.BigEndian.Uint16(code[:])) != tryAgainLater {
		t.Errorf("closed with %d, %v, want %d", code, err, tryAgainLater) // which is how a simple client is told
	}
	for deadline := time.Now().Add(patience); !n.relay.roomy(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no loop is lent any more")
		}
	}
}
