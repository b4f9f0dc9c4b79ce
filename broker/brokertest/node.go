package brokertest

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// node is a broker under test, and what its receiver got.
type node struct {
	t      testing.TB
	broker broker.Broker

	mu    sync.Mutex // guards what follows
	got   map[broker.Group]chan *broker.Message
	opens map[broker.Group]chan broker.Position
	holes int
	gate  chan struct{} // Deliver waits for it; nil: it does not
}

// ack is a publication's outcome.
type ack struct {
	at  broker.Position
	err error
}

// start opens a broker for a test.
func start(t testing.TB, s Suite, l broker.Limits) *node {
	t.Helper()
	return open(t, s.New, l)
}

func open(t testing.TB, opener func(testing.TB, broker.Limits, broker.Receiver) broker.Broker, l broker.Limits) *node {
	t.Helper()
	n := &node{t: t, got: make(map[broker.Group]chan *broker.Message), opens: make(map[broker.Group]chan broker.Position)}
	n.broker = opener(t, l, broker.Receiver{Published: n.onPublished, Opened: n.onOpened, Deliver: n.onDeliver, Gap: n.onGap})
	t.Cleanup(func() {
		n.resume()
		_ = n.broker.Close() // some tests have closed it
	})
	return n
}

func (n *node) onOpened(g broker.Group, at broker.Position, err error) {
	if err != nil {
		n.t.Errorf("group %s was not opened: %v", g, err)
	}
	_, opens := n.channels(g)
	opens <- at
}

func (n *node) onDeliver(messages []*broker.Message) {
	for _, m := range messages {
		n.mu.Lock()
		gate := n.gate
		n.mu.Unlock()
		if gate != nil {
			<-gate
		}
		got, _ := n.channels(m.Group)
		got <- m
	}
}

// onPublished tells each publisher what became of its message.
func (n *node) onPublished(outcomes []broker.Outcome) {
	for _, o := range outcomes {
		done := o.Receipt.To.(chan ack)
		done <- ack{o.Position, o.Err}
		if len(done) > 1 {
			n.t.Error("a publication has two outcomes")
		}
	}
}

func (n *node) onGap(broker.Group, broker.Position) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.holes++
}

func (n *node) gaps() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.holes
}

// channels are a group's; they hold more than any test sends.
func (n *node) channels(g broker.Group) (chan *broker.Message, chan broker.Position) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.got[g] == nil {
		n.got[g], n.opens[g] = make(chan *broker.Message, 200_000), make(chan broker.Position, 100)
	}
	return n.got[g], n.opens[g]
}

// hold makes Deliver wait until resume.
func (n *node) hold() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gate = make(chan struct{})
}

func (n *node) resume() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gate != nil {
		close(n.gate)
		n.gate = nil
	}
}

// subscribe opens a group and returns where it stands.
func (n *node) subscribe(g broker.Group) broker.Position {
	n.t.Helper()
	n.broker.Subscribe(g)
	return n.opened(g)
}

func (n *node) opened(g broker.Group) broker.Position {
	n.t.Helper()
	_, opens := n.channels(g)
	select {
	case at := <-opens:
		return at
	case <-time.After(patience):
		n.t.Fatalf("group %s is not opened", g)
	}
	return broker.Position{}
}

// next is the next message of a group.
func (n *node) next(g broker.Group) *broker.Message {
	n.t.Helper()
	got, _ := n.channels(g)
	select {
	case m := <-got:
		return m
	case <-time.After(patience):
		n.t.Fatalf("no message of group %s comes", g)
	}
	return nil
}

// after is the next message after a position. What was read for a subscription
// that has ended may still come before it.
func (n *node) after(g broker.Group, at broker.Position) *broker.Message {
	n.t.Helper()
	for {
		if m := n.next(g); at.Before(m.Position) {
			return m
		}
	}
}

// try publishes; the outcome comes through the channel.
func (n *node) try(m *broker.Message) (<-chan ack, error) {
	done := make(chan ack, 2)
	taken, err := n.broker.Publish([]broker.Publication{{Message: m, Receipt: broker.Receipt{To: done, Asked: true}}})
	if want := err == nil; (taken == 1) != want {
		n.t.Errorf("Publish took %d of 1, with error %v", taken, err)
	}
	return done, err
}

// send is try that must not be refused.
func (n *node) send(m *broker.Message) <-chan ack {
	done, err := n.try(m)
	if err != nil {
		n.t.Errorf("publish: %v", err)
		closed := make(chan ack, 1)
		closed <- ack{err: err}
		return closed
	}
	return done
}

// wait waits for an ack, which must be a success.
func (n *node) wait(done <-chan ack) broker.Position {
	select {
	case a := <-done:
		if a.err != nil {
			n.t.Errorf("publish: %v", a.err)
		}
		return a.at
	case <-time.After(patience):
		n.t.Error("a publish is not answered")
	}
	return broker.Position{}
}

// publish publishes text and waits for the ack.
func (n *node) publish(g broker.Group, text string) broker.Position {
	n.t.Helper()
	return n.wait(n.send(message(g, text)))
}

func message(g broker.Group, text string) *broker.Message {
	return &broker.Message{Group: g, Type: broker.Text, Data: []byte(text)}
}

// number is the message's text as a number.
func number(t testing.TB, m *broker.Message) int {
	t.Helper()
	i, err := strconv.Atoi(string(m.Data))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// eventually polls until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(fmt.Sprint("still not so: ", what))
		}
	}
}
