package redisstream

import (
	"fmt"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestAckedAndLost: what was acked to a node, and lost before anybody has read it, is
// marked by that node, though it does not read the group.
func TestAckedAndLost(t *testing.T) {
	redis := brokertest.StartRedis(t)
	r := newReader()
	b := open(t, redis.URL(), limits(), r.receiver())
	defer b.Close()
	eventually(t, "ready", func() bool { return b.Ready() == nil })
	if err := publish(t, b, "one"); err != nil {
		t.Fatal(err)
	}
	dump, err := b.commands().Dump(t.Context(), b.key(lobby)).Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := publish(t, b, "two"); err != nil {
		t.Fatal(err)
	}
	first := messages(t, b)[0].Position
	if whole, err := b.Resume(t.Context(), lobby, first); err != nil || !whole {
		t.Errorf("before the loss: whole is %t, %v", whole, err)
	}
	if err := b.commands().RestoreReplace(t.Context(), b.key(lobby), 0, dump).Err(); err != nil {
		t.Fatal(err)
	}
	redis.CLI("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	redis.CLI("CLIENT", "KILL", "TYPE", "pubsub")
	eventually(t, "the loss is marked", func() bool { return b.counts.markers.Get() == 1 })
	if whole, err := b.Resume(t.Context(), lobby, first); err != nil || whole {
		t.Errorf("after the loss: whole is %t, %v", whole, err)
	}
	if err := publish(t, b, "three"); err != nil {
		t.Fatal(err)
	}
	all := messages(t, b)
	if len(all) != 3 || !all[1].Lost || string(all[2].Data) != "three" {
		t.Errorf("the stream has %d messages, want one, the mark, three", len(all))
	}
}

// messages is all that a stream has.
func messages(t *testing.T, b *Broker) []*broker.Message {
	t.Helper()
	all, err := b.Read(t.Context(), lobby, broker.Position{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// newRings has the bounds' counter of its own.
func newRings() *rings {
	return &rings{byGroup: make(map[broker.Group]*ring), dropped: metrics.NewSet().NewCounter("dropped")}
}

// TestRings: what is kept has a bound by group and one for all, and goes away with time.
func TestRings(t *testing.T) {
	r := newRings()
	entry := func(g broker.Group, i, size int) held {
		at := broker.Position{Ms: uint64(i + 1)}
		return held{at: at, message: &broker.Message{Group: g, Position: at, Data: make([]byte, size)}}
	}
	check := func(what string, messages, bytes int) {
		t.Helper()
		if m, b := r.size(); m > messages || b > bytes {
			t.Errorf("%s: %d messages and %d bytes are held, want at most %d and %d", what, m, b, messages, bytes)
		}
	}
	var last broker.Position
	for i := range 5000 {
		h := entry(lobby, i, 10)
		r.add(lobby, last, []held{h})
		last = h.at
	}
	check("by number", ringEntries*5/4, ringBytes*5/4)
	if read, begins, _ := r.upTo(lobby, last); len(read) < ringEntries || begins {
		t.Errorf("%d of %d are held, and begin with the stream: %t", len(read), ringEntries, begins)
	}
	for i := range 1000 {
		h := entry(lobby, 5000+i, 10_000)
		r.add(lobby, last, []held{h})
		last = h.at
	}
	check("by size", ringEntries, ringBytes*5/4+20_000)
	for i := range 200 {
		g := broker.Group{Hub: "chat", Name: fmt.Sprint(i)}
		r.say([]acked{{broker.Position{Ms: 1}, entry(g, 0, 200_000).message}})
	}
	check("all", 1000, ringsBytes)
	if r.dropped.Get() == 0 {
		t.Error("the bound of all has cut off nothing")
	}
	dropped := r.dropped.Get()
	for i := range ringEntries * 2 {
		r.say([]acked{{broker.Position{Ms: uint64(i + 1)}, entry(lobby, i, 10).message}})
	}
	if r.dropped.Get() == dropped {
		t.Error("what was acked and not read was cut off, and is not counted")
	}
	r.mu.Lock()
	r.expire(time.Now().Add(2 * ringAge))
	r.mu.Unlock()
	if m, b := r.size(); m != 0 || b != 0 || len(r.byGroup) != 0 {
		t.Errorf("after their time %d messages and %d bytes of %d groups are held", m, b, len(r.byGroup))
	}
}

// TestRingJoins: a ring that what was read does not join on to begins anew, and what was
// acked is kept until it was read.
func TestRingJoins(t *testing.T) {
	r := newRings()
	at := func(i uint64) broker.Position { return broker.Position{Ms: i} }
	entry := func(i uint64) held { return held{at: at(i), message: &broker.Message{Group: lobby}} }
	r.add(lobby, broker.Position{}, []held{entry(1), entry(2)})
	if read, begins, _ := r.upTo(lobby, at(2)); len(read) != 2 || !begins {
		t.Errorf("%d are held, and begin with the stream: %t", len(read), begins)
	}
	r.say([]acked{{at(2), &broker.Message{Group: lobby}}, {at(3), &broker.Message{Group: lobby}}, {at(4), &broker.Message{Group: lobby}}})
	if _, _, said := r.upTo(lobby, at(2)); len(said) != 2 {
		t.Errorf("%d were acked and not read, want 2", len(said))
	}
	if passed := r.add(lobby, at(2), []held{entry(3)}); passed {
		t.Error("nothing was passed over")
	}
	if passed := r.add(lobby, at(3), []held{entry(5)}); !passed {
		t.Error("the fourth was passed over, and that was not seen")
	}
	r.add(lobby, at(7), []held{entry(8)})
	if read, begins, _ := r.upTo(lobby, at(8)); len(read) != 1 || begins {
		t.Errorf("behind a hole %d are held, and begin with the stream: %t", len(read), begins)
	}
	if _, found := r.after(lobby, at(5), time.Time{}); found {
		t.Error("what stands before a hole is found")
	}
}
