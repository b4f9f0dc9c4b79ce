package redisstream

import (
	"strconv"
	"testing"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestResumeTrimmed: a node holds more than a stream of a small capacity keeps. That
// does not make the stream whole.
func TestResumeTrimmed(t *testing.T) {
	redis, l, r := brokertest.StartRedis(t), limits(), newReader()
	l.Capacity = 100
	b := subscribed(t, redis.URL(), l, r)
	eventually(t, "ready", func() bool { return b.Ready() == nil })
	for i := range 240 {
		if err := publish(t, b, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is delivered", func() bool { return len(r.texts()) == i+1 })
	}
	r.mu.Lock()
	first, late := r.got[0].Position, r.got[235].Position
	r.mu.Unlock()
	if _, found := b.holds(lobby, first); !found {
		t.Fatal("the first is not held, so that this shows nothing")
	}
	for since, want := range map[broker.Position]bool{first: false, late: true} {
		if whole, err := b.Resume(t.Context(), lobby, since); err != nil || whole != want {
			t.Errorf("resume since %s: whole is %t, %v; want %t", since, whole, err, want)
		}
	}
}
