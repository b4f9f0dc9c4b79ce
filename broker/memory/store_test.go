package memory

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// TestStoreBound: what is put has a bound; beyond it a Put is refused as a whole, and what
// is taken or has expired makes room.
func TestStoreBound(t *testing.T) {
	l := broker.Limits{Capacity: 100, GroupExpiry: time.Hour, QueueMessages: 10, QueueBytes: 1 << 20}
	b := open(t, l, broker.Receiver{}).(*Broker)
	defer b.Close()
	data := make([]byte, 1<<20)
	put := func(i int, lives time.Duration) error {
		return b.Put(t.Context(), []broker.Value{{Key: fmt.Sprint("session/", i), Data: data, Lives: lives}})
	}
	n := 0
	for n < 1000 && put(n, time.Hour) == nil {
		n++
	}
	if want := storeBytes / (len(data) + valueExpense); n > want || n < want-1 {
		t.Errorf("%d values of 1 MiB fit, want about %d", n, want)
	}
	if err := put(n, time.Hour); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("one more: %v, want ErrUnavailable", err)
	}
	if err := put(0, time.Nanosecond); err != nil {
		t.Errorf("one that is there already: %v", err)
	}
	time.Sleep(time.Millisecond)
	if err := put(n, time.Hour); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("one more, and all were looked at a moment ago: %v, want ErrUnavailable", err)
	}
	b.values.mu.Lock()
	b.values.swept = time.Time{}
	b.values.mu.Unlock()
	if err := put(n, time.Hour); err != nil {
		t.Errorf("one more, after another has expired: %v", err)
	}
	if _, err := b.Take(t.Context(), "session/1"); err != nil {
		t.Error(err)
	}
	if number, bytes := b.values.kept(); number != n-1 || bytes > storeBytes {
		t.Errorf("%d values of %d bytes are kept, want %d", number, bytes, n-1)
	}
}

// TestForgottenIsNotWhole: once a group has been forgotten, a new one of that name is not
// told to hold all that was ever said.
func TestForgottenIsNotWhole(t *testing.T) {
	l := broker.Limits{Capacity: 100, GroupExpiry: 50 * time.Millisecond, QueueMessages: 10, QueueBytes: 1 << 20}
	b := open(t, l, broker.Receiver{Deliver: func([]*broker.Message) {}, Published: func([]broker.Outcome) {}}).(*Broker)
	defer b.Close()
	g := broker.Group{Hub: "chat", Name: "g"}
	whole := func() bool {
		t.Helper()
		whole, err := b.Resume(t.Context(), g, broker.Position{})
		if err != nil {
			t.Fatal(err)
		}
		return whole
	}
	if !whole() {
		t.Error("nothing was ever said, and that is not whole")
	}
	// Whoever was before this process is not known to it.
	if whole, err := b.Resume(t.Context(), g, broker.Beginning(b.began.Add(-time.Second))); err != nil || whole {
		t.Errorf("since before the process began: whole is %t, %v", whole, err)
	}
	if _, err := b.Publish([]broker.Publication{{Message: &broker.Message{Group: g, Data: []byte("1")}}}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); b.streams() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the group is not forgotten")
		}
	}
	if whole() {
		t.Error("what was said was forgotten, and the beginning is whole")
	}
}
