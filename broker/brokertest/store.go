package brokertest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// value checks what is under a key; empty stands for nothing.
func (n *node) value(key, want string) {
	n.t.Helper()
	got, err := n.broker.Get(n.t.Context(), key)
	if err != nil || string(got) != want {
		n.t.Errorf("%s is %q, %v; want %q", key, got, err, want)
	}
}

func (n *node) put(key, data string, lives time.Duration) {
	n.t.Helper()
	if err := n.broker.Put(n.t.Context(), []broker.Value{{Key: key, Data: []byte(data), Lives: lives}}); err != nil {
		n.t.Errorf("put %s: %v", key, err)
	}
}

// store: what was put is there until it is put again or taken, and is a copy.
func store(t *testing.T, s Suite) {
	n := start(t, s, limits())
	n.value("session/1", "")
	data := []byte("one")
	err := n.broker.Put(t.Context(), []broker.Value{
		{Key: "session/1", Data: data, Lives: time.Minute},
		{Key: "session/2", Data: []byte{0, 255, '\r', '\n'}, Lives: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	data[0] = 'X'
	n.value("session/1", "one")
	n.value("session/2", "\x00\xff\r\n")
	n.put("session/1", "again", time.Minute)
	n.value("session/1", "again")
	for _, want := range []string{"again", ""} {
		if got, err := n.broker.Take(t.Context(), "session/1"); err != nil || string(got) != want {
			t.Errorf("taken is %q, %v; want %q", got, err, want)
		}
	}
	n.value("session/1", "")
	n.value("session/2", "\x00\xff\r\n")
	if err := n.broker.Put(t.Context(), nil); err != nil {
		t.Errorf("put nothing: %v", err)
	}
}

// storeExpiry: a value goes away after its time, and its time begins anew when it is put
// again.
func storeExpiry(t *testing.T, s Suite) {
	n := start(t, s, limits())
	n.put("session/short", "x", 100*time.Millisecond)
	n.put("session/again", "x", 100*time.Millisecond)
	n.put("session/again", "y", time.Minute)
	eventually(t, "its time is over", func() bool {
		got, err := n.broker.Get(t.Context(), "session/short")
		return err == nil && got == nil
	})
	if got, err := n.broker.Take(t.Context(), "session/short"); err != nil || got != nil {
		t.Errorf("taken after its time: %q, %v", got, err)
	}
	n.value("session/again", "y")
}

// storeTakers: of many that take at once, one gets it.
func storeTakers(t *testing.T, s Suite) {
	n := start(t, s, limits())
	nodes := []*node{n}
	if s.Another != nil {
		nodes = append(nodes, open(t, s.Another, limits()))
	}
	for round := range 20 {
		key := fmt.Sprint("session/", round)
		n.put(key, "x", time.Minute)
		if got := takers(nodes, key, 8); got != 1 {
			t.Errorf("%d got what was there once", got)
		}
	}
}

// takers has several take a value at once, and returns how many got it.
func takers(nodes []*node, key string, several int) int {
	var all sync.WaitGroup
	var got atomic.Int32
	for i := range several {
		n := nodes[i%len(nodes)]
		all.Go(func() {
			data, err := n.broker.Take(n.t.Context(), key)
			if err != nil {
				n.t.Error(err)
			}
			if data != nil {
				got.Add(1)
			}
		})
	}
	all.Wait()
	return int(got.Load())
}

// storeNodes: what one node has put, another gets and takes. A broker that can have only
// one node has nothing to show here.
func storeNodes(t *testing.T, s Suite) {
	one := start(t, s, limits())
	if s.Another == nil {
		return
	}
	two := open(t, s.Another, limits())
	one.put("session/1", "one's", time.Minute)
	two.value("session/1", "one's")
	two.put("session/1", "two's", time.Minute)
	one.value("session/1", "two's")
	if got, err := two.broker.Take(t.Context(), "session/1"); err != nil || string(got) != "two's" {
		t.Errorf("taken is %q, %v", got, err)
	}
	one.value("session/1", "")
}
