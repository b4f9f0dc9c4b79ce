package memory

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// ledger is what the receivers of one broker were given, all of them together.
type ledger struct {
	t     *testing.T
	inUse [4]atomic.Bool // by group: a receiver is being called for it
	last  [4]broker.Position
	heard [4]int
	told  atomic.Int64
}

// of is the number of a group.
func (l *ledger) of(g broker.Group) (i int) {
	if _, err := fmt.Sscan(g.Name, &i); err != nil {
		l.t.Error(err)
	}
	return i
}

func (l *ledger) deliver(messages []*broker.Message) {
	for _, m := range messages {
		i := l.of(m.Group)
		if !l.inUse[i].CompareAndSwap(false, true) {
			l.t.Errorf("group %d is delivered by two at a time", i)
		}
		if !l.last[i].Before(m.Position) {
			l.t.Errorf("group %d: position %s after %s", i, m.Position, l.last[i])
		}
		l.last[i] = m.Position
		l.heard[i]++
		l.inUse[i].Store(false)
	}
}

func (l *ledger) published(outcomes []broker.Outcome) { l.told.Add(int64(len(outcomes))) }

// publish hands over messages to all groups in turn, and again what was refused, until so
// many were taken.
func (l *ledger) publish(messages int, publish func([]broker.Publication) (int, error)) {
	var batch []broker.Publication
	for i := 0; i < messages; i++ {
		g := broker.Group{Hub: "chat", Name: fmt.Sprint(i % len(l.last))}
		batch = append(batch, broker.Publication{Message: &broker.Message{Group: g, Data: []byte("x")}})
		if len(batch) < 1+i%7 && i+1 < messages {
			continue
		}
		for len(batch) > 0 {
			taken, err := publish(batch)
			batch = batch[taken:]
			if err != nil && !errors.Is(err, broker.ErrFull) {
				l.t.Error(err)
				return
			}
		}
	}
}

// TestLent: several publishers that lend their goroutines, one that does not, and groups
// that are opened meanwhile: each group's messages come one at a time and in order, and
// nothing is lost, though a stream takes few that are not read.
func TestLent(t *testing.T) {
	const lenders, each = 4, 4_000
	l := &ledger{t: t}
	calls := 0
	opened := make(chan broker.Group, len(l.last))
	limits := broker.Limits{Capacity: 50, GroupExpiry: 1 << 40, QueueMessages: 1000, QueueBytes: 1 << 20}
	b := open(t, limits, broker.Receiver{
		Opened:    func(g broker.Group, _ broker.Position, _ error) { opened <- g },
		Published: l.published,
		Deliver: func(messages []*broker.Message) {
			l.deliver(messages)
			if calls++; calls%16 == 0 {
				time.Sleep(time.Millisecond) // it may wait, and lenders must not
			}
		},
	}).(*Broker)
	to := broker.Receiver{Deliver: l.deliver, Published: l.published}
	for i := range len(l.last) - 1 {
		b.Subscribe(broker.Group{Hub: "chat", Name: fmt.Sprint(i)})
		<-opened
	}
	var all sync.WaitGroup
	for range lenders {
		all.Go(func() {
			l.publish(each, func(batch []broker.Publication) (int, error) { return b.PublishLent(batch, &to) })
		})
	}
	all.Go(func() { l.publish(each, b.Publish) })
	late := len(l.last) - 1 // the group that is opened while it is spoken in
	b.Subscribe(broker.Group{Hub: "chat", Name: fmt.Sprint(late)})
	<-opened
	all.Go(func() { l.publish(each, b.Publish) })
	all.Wait()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for i, n := range l.heard {
		if want := (lenders + 2) * each / len(l.last); n != want && i != late {
			t.Errorf("group %d: %d messages were delivered, want %d", i, n, want)
		}
	}
	if want := each / len(l.last); l.heard[late] < want {
		t.Errorf("the group that was opened late has %d messages, want the last %d at least", l.heard[late], want)
	}
	if got := l.told.Load(); got != (lenders+2)*each {
		t.Errorf("%d outcomes, want %d", got, (lenders+2)*each)
	}
}

// TestLentAlone: with nobody else about, a batch of what is published has been handed over
// when PublishLent returns; what is beyond it comes all the same.
func TestLentAlone(t *testing.T) {
	l := &ledger{t: t}
	opened := make(chan struct{})
	limits := broker.Limits{Capacity: 10_000, GroupExpiry: 1 << 40, QueueMessages: 10_000, QueueBytes: 1 << 20}
	b := open(t, limits, broker.Receiver{
		Opened:    func(broker.Group, broker.Position, error) { opened <- struct{}{} },
		Published: l.published, Deliver: l.deliver,
	}).(*Broker)
	for i := range l.last {
		b.Subscribe(broker.Group{Hub: "chat", Name: fmt.Sprint(i)})
		<-opened
	}
	mine := 0
	to := broker.Receiver{Published: l.published, Deliver: func(messages []*broker.Message) {
		mine += len(messages)
		l.deliver(messages)
	}}
	total := 0
	// The read goroutine has told that the groups are open, and may not have ended its round.
	for end := time.Now().Add(20 * time.Second); mine == 0 && time.Now().Before(end); {
		batch := make([]broker.Publication, 5000)
		for i := range batch {
			g := broker.Group{Hub: "chat", Name: fmt.Sprint(i * len(l.last) / len(batch))}
			batch[i].Message = &broker.Message{Group: g, Data: []byte("x")}
		}
		taken, err := b.PublishLent(batch, &to)
		if err != nil && !errors.Is(err, broker.ErrFull) {
			t.Fatal(err)
		}
		total += taken
	}
	if mine == 0 || mine > batchMessages+page {
		t.Errorf("the lender was handed over %d messages, want some and no more than a batch", mine)
	}
	for end := time.Now().Add(20 * time.Second); l.told.Load() < int64(total); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d outcomes, want %d", l.told.Load(), total)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}
