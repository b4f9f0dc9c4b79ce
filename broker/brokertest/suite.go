// Package brokertest is what the contract of package broker means, as tests. Every
// broker passes the same suite; what only one of them can do it tests itself.
package brokertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// Suite is a broker to be tested.
type Suite struct {
	// New opens a broker whose streams no other test uses. It is closed by the
	// test, if the test does not do that itself.
	New func(t testing.TB, l broker.Limits, r broker.Receiver) broker.Broker
	// Another opens a further node on the streams of the last New; nil if there
	// can be only one.
	Another func(t testing.TB, l broker.Limits, r broker.Receiver) broker.Broker
}

// limits are generous; a test that is about one of them lowers it.
func limits() broker.Limits {
	return broker.Limits{
		Capacity: 10_000, GroupExpiry: time.Hour,
		QueueMessages: 100_000, QueueBytes: 64 << 20, WriteTimeout: patience,
	}
}

var lobby = broker.Group{Hub: "chat", Name: "lobby"}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	for name, test := range map[string]func(*testing.T, Suite){
		"Delivers":         delivers,
		"RoundTrip":        roundTrip,
		"Order":            order,
		"OnlyAfterOpened":  onlyAfterOpened,
		"Unsubscribe":      unsubscribe,
		"SubscribeInFlow":  subscribeInFlow,
		"ManyGroups":       manyGroups,
		"Batches":          batches,
		"Read":             read,
		"ReadTrimmed":      readTrimmed,
		"Capacity":         capacity,
		"Expiry":           expiry,
		"QueueFull":        queueFull,
		"SlowReceiver":     slowReceiver,
		"Close":            closing,
		"TwoNodes":         twoNodes,
		"NodesShareStream": lateNode,
		"Resume":           resume,
		"ResumeTrimmed":    resumeTrimmed,
		"ResumeBeginning":  resumeBeginning,
		"ResumeInFlow":     resumeInFlow,
		"Last":             last,
		"Store":            store,
		"StoreExpiry":      storeExpiry,
		"StoreTakers":      storeTakers,
		"StoreNodes":       storeNodes,
		"Lease":            lease,
		"Present":          present,
		"PresentMany":      presentMany,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

// delivers: what is published is delivered, at the position of its ack.
func delivers(t *testing.T, s Suite) {
	n := start(t, s, limits())
	n.subscribe(lobby)
	at := n.publish(lobby, "hello")
	if m := n.next(lobby); string(m.Data) != "hello" || m.Position != at || m.Group != lobby || m.Type != broker.Text {
		t.Errorf("delivered %+v, want hello at %s", m, at)
	}
	eventually(t, "the broker is ready", func() bool { return n.broker.Ready() == nil })
}

// roundTrip: every field of a message arrives as it was.
func roundTrip(t *testing.T, s Suite) {
	n := start(t, s, limits())
	n.subscribe(lobby)
	f := func(m broker.Message) {
		t.Helper()
		m.Group = lobby
		want := m
		n.wait(n.send(&m))
		got := n.next(lobby)
		if !bytes.Equal(got.Data, want.Data) || got.Type != want.Type || got.User != want.User ||
			got.Exclude != want.Exclude || got.ID != want.ID || got.Meta != want.Meta {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	f(broker.Message{Type: broker.JSON, Data: []byte(`{"a": [1, "ä"]}`)})
	f(broker.Message{Type: broker.Text, Data: []byte{}})
	f(broker.Message{Type: broker.Text, Data: []byte("zwei\r\nZeilen")})
	f(broker.Message{Type: broker.Binary, Data: []byte{0, 255, '\r', '\n', 1}})
	f(broker.Message{Type: broker.Binary, Data: bytes.Repeat([]byte{7}, 1<<20)})
	f(broker.Message{Type: broker.Text, Data: []byte("x"), User: "ann", Exclude: "c1", ID: "7", Meta: `{"k":"v"}`})
}

// order: messages of one publisher stay in order, positions rise, and all
// subscribers see the same, whatever the number of publishers.
func order(t *testing.T, s Suite) {
	const publishers, each = 8, 500
	n := start(t, s, limits())
	n.subscribe(lobby)
	for p := range publishers {
		go func() {
			for i := range each {
				n.send(message(lobby, fmt.Sprintf("%d %d", p, i)))
			}
		}()
	}
	next := make([]int, publishers)
	var last broker.Position
	for range publishers * each {
		m := n.next(lobby)
		var p, i int
		if _, err := fmt.Sscan(string(m.Data), &p, &i); err != nil {
			t.Fatal(err)
		}
		if i != next[p] {
			t.Fatalf("publisher %d: got message %d, want %d", p, i, next[p])
		}
		next[p]++
		if !last.Before(m.Position) {
			t.Fatalf("position %s after %s", m.Position, last)
		}
		last = m.Position
	}
}

// onlyAfterOpened: exactly what stands after the position of Opened is delivered.
func onlyAfterOpened(t *testing.T, s Suite) {
	n := start(t, s, limits())
	before := n.publish(lobby, "before")
	at := n.subscribe(lobby)
	if at.Before(before) {
		t.Errorf("opened at %s, and yet %s was there", at, before)
	}
	n.publish(lobby, "after")
	if m := n.next(lobby); string(m.Data) != "after" || !at.Before(m.Position) {
		t.Errorf("delivered %s at %s, want what came after %s", m.Data, m.Position, at)
	}
}

// unsubscribe: a group that was closed is not delivered, and may be opened again.
func unsubscribe(t *testing.T, s Suite) {
	n := start(t, s, limits())
	n.subscribe(lobby)
	n.publish(lobby, "one")
	n.next(lobby)
	n.broker.Unsubscribe(lobby)
	n.publish(lobby, "two")
	at := n.subscribe(lobby)
	n.publish(lobby, "three")
	if m := n.next(lobby); string(m.Data) != "three" || !at.Before(m.Position) {
		t.Errorf("delivered %s, want three", m.Data)
	}
}

// subscribeInFlow opens and closes a group while messages flow: from each Opened
// on nothing is missing and nothing is doubled.
func subscribeInFlow(t *testing.T, s Suite) {
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
	for range 20 {
		at := n.subscribe(lobby)
		first := n.after(lobby, at)
		previous, position := number(t, first), first.Position
		for range 50 {
			m := n.next(lobby)
			if number(t, m) != previous+1 || !position.Before(m.Position) {
				t.Errorf("got %s at %s after %d at %s", m.Data, m.Position, previous, position)
			}
			previous, position = number(t, m), m.Position
		}
		// The one that stands first after at is the one that was delivered first.
		if all, err := n.broker.Read(t.Context(), lobby, at, 1); err != nil || len(all) != 1 || all[0].Position != first.Position {
			t.Errorf("after %s stands %v (%v), delivered first was %s", at, all, err, first.Position)
		}
		n.broker.Unsubscribe(lobby)
	}
	close(stop)
	<-ended
}

// manyGroups: each group gets its own messages and no other's.
func manyGroups(t *testing.T, s Suite) {
	const groups, each = 300, 5
	n := start(t, s, limits())
	name := func(i int) broker.Group { return broker.Group{Hub: "chat", Name: fmt.Sprintf("g %d:ä", i)} }
	for i := range groups {
		n.broker.Subscribe(name(i))
	}
	for i := range groups {
		n.opened(name(i))
	}
	for k := range each {
		for i := range groups {
			n.send(message(name(i), fmt.Sprint(i, k)))
		}
	}
	for i := range groups {
		for k := range each {
			if m := n.next(name(i)); string(m.Data) != fmt.Sprint(i, k) {
				t.Fatalf("group %d: got %s, want %d", i, m.Data, k)
			}
		}
	}
}

// read: history from a position, oldest first, at most so many.
func read(t *testing.T, s Suite) {
	n := start(t, s, limits())
	if all, err := n.broker.Read(t.Context(), lobby, broker.Position{}, 10); err != nil || len(all) != 0 {
		t.Errorf("a group that nobody spoke in has %v, %v", all, err)
	}
	var at []broker.Position
	for i := range 10 {
		at = append(at, n.publish(lobby, fmt.Sprint(i)))
	}
	f := func(after broker.Position, limit, from, count int) {
		t.Helper()
		all, err := n.broker.Read(t.Context(), lobby, after, limit)
		if err != nil || len(all) != count {
			t.Fatalf("got %d messages, %v; want %d", len(all), err, count)
		}
		for i, m := range all {
			if m.Position != at[from+i] || number(t, m) != from+i {
				t.Errorf("got %s at %s, want %d", m.Data, m.Position, from+i)
			}
		}
	}
	f(broker.Position{}, 100, 0, 10)
	f(broker.Position{}, 3, 0, 3)
	f(at[3], 100, 4, 6)
	f(at[9], 100, 0, 0)
}

// capacity: a group keeps at least its capacity, and not much more.
func capacity(t *testing.T, s Suite) {
	l := limits()
	l.Capacity = 200
	n := start(t, s, l)
	n.subscribe(lobby)
	const sent = 2000
	for i := range sent {
		n.publish(lobby, fmt.Sprint(i))
		n.next(lobby)
	}
	all, err := n.broker.Read(t.Context(), lobby, broker.Position{}, 10*sent)
	if err != nil || len(all) < l.Capacity || len(all) > 2*l.Capacity+100 {
		t.Errorf("%d messages are kept (%v), want %d or somewhat more", len(all), err, l.Capacity)
	}
	if last := number(t, all[len(all)-1]); last != sent-1 {
		t.Errorf("the last that is kept is %d", last)
	}
}

// expiry: a group that nobody speaks in is forgotten, and speaks again afterwards.
func expiry(t *testing.T, s Suite) {
	l := limits()
	l.GroupExpiry = time.Second
	n := start(t, s, l)
	n.subscribe(lobby)
	n.publish(lobby, "old")
	n.next(lobby)
	eventually(t, "the group is forgotten", func() bool {
		all, err := n.broker.Read(t.Context(), lobby, broker.Position{}, 10)
		return err == nil && len(all) == 0
	})
	n.publish(lobby, "new")
	if m := n.next(lobby); string(m.Data) != "new" {
		t.Errorf("got %s", m.Data)
	}
	if gaps := n.gaps(); gaps != 0 {
		t.Errorf("%d gaps: expiry is no loss", gaps)
	}
}

// queueFull: what does not fit the queue is refused at once, and what was taken is
// acked and delivered.
func queueFull(t *testing.T, s Suite) {
	l := limits()
	l.QueueMessages = 50
	n := start(t, s, l)
	n.subscribe(lobby)
	taken, refused := 0, 0
	var acks []<-chan ack
	for i := range 100_000 {
		done, err := n.try(message(lobby, fmt.Sprint(i)))
		if errors.Is(err, broker.ErrFull) {
			refused++
			if refused > 100 {
				break
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		taken++
		acks = append(acks, done)
	}
	if refused == 0 {
		t.Fatal("a queue of 50 took 100,000 messages at once")
	}
	for _, done := range acks {
		n.wait(done)
	}
	for range taken {
		n.next(lobby)
	}
}

// slowReceiver: while the receiver waits nothing is lost, and nothing is doubled
// afterwards.
func slowReceiver(t *testing.T, s Suite) {
	n := start(t, s, limits())
	n.subscribe(lobby)
	n.hold()
	const sent = 3000
	for i := range sent {
		n.send(message(lobby, fmt.Sprint(i)))
	}
	time.Sleep(50 * time.Millisecond) // the receiver waits in its first message
	n.resume()
	for i := range sent {
		if m := n.next(lobby); number(t, m) != i {
			t.Fatalf("got %s, want %d", m.Data, i)
		}
	}
}

// closing: every outcome is told, and later publishes are refused.
func closing(t *testing.T, s Suite) {
	n := start(t, s, limits())
	n.subscribe(lobby)
	var acks []<-chan ack
	for i := range 500 {
		acks = append(acks, n.send(message(lobby, fmt.Sprint(i))))
	}
	if err := n.broker.Close(); err != nil {
		t.Fatal(err)
	}
	for _, done := range acks {
		select {
		case <-done:
		default:
			t.Fatal("closed, and an outcome was not told")
		}
	}
	if _, err := n.try(message(lobby, "late")); !errors.Is(err, broker.ErrClosed) {
		t.Errorf("a publish after Close: %v, want ErrClosed", err)
	}
	ctx := context.Background()
	_, read := n.broker.Read(ctx, lobby, broker.Position{}, 1)
	_, whole := n.broker.Resume(ctx, lobby, broker.Position{})
	_, last := n.broker.Last(ctx, lobby, 1)
	_, get := n.broker.Get(ctx, "session/1")
	_, take := n.broker.Take(ctx, "session/1")
	put := n.broker.Put(ctx, []broker.Value{{Key: "session/1", Data: []byte("x"), Lives: time.Minute}})
	for what, err := range map[string]error{"read": read, "resume": whole, "last": last, "get": get, "take": take, "put": put} {
		if !errors.Is(err, broker.ErrClosed) {
			t.Errorf("%s after Close: %v, want ErrClosed", what, err)
		}
	}
}
