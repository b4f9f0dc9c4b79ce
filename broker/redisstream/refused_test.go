package redisstream

import (
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestLookPastForeignKey: a key that is no stream does not keep others from being repaired.
func TestLookPastForeignKey(t *testing.T) {
	server := brokertest.StartRedis(t)
	b := subscribed(t, server.URL(), limits(), newReader())
	if err := publish(t, b, "hello"); err != nil {
		t.Fatal(err)
	}
	server.CLI("SET", "tg:chat:string", "x")
	var all []*repair
	for _, name := range []string{"string", "lobby"} {
		g := broker.Group{Hub: "chat", Name: name}
		all = append(all, &repair{work: &work{follow: &follow{group: g, key: b.key(g), open: true}}})
	}
	seen, err := b.layout.Load().masters[0].look(t.Context(), all)
	if err != nil || len(seen) != 1 || seen[0] != all[1] || len(seen[0].page) != 1 {
		t.Errorf("%d of 2 were seen, %v; want the stream", len(seen), err)
	}
}

// TestRefusedRepair: a repair that Redis refuses to write is tried again, does not fail the
// batch that it came with, and is done when Redis takes writes again.
func TestRefusedRepair(t *testing.T) {
	server := brokertest.StartRedis(t)
	r := newReader()
	b := subscribed(t, server.URL(), limits(), r)
	eventually(t, "ready", func() bool { return b.Ready() == nil })
	if err := publish(t, b, "one"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it came", func() bool { return len(r.texts()) == 1 })
	pipe := b.commands().TxPipeline() // so that nothing can be put back in between
	pipe.Del(t.Context(), b.key(lobby))
	pipe.ConfigSet(t.Context(), "min-replicas-to-write", "1")
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it was tried twice", func() bool { return b.counts.fetchErrors.Get() >= 2 })
	if n := b.counts.resyncFetch.Get(); n != 0 || b.counts.putBack.Get() != 0 {
		t.Errorf("%d batches failed, and %d entries were put back; want neither", n, b.counts.putBack.Get())
	}
	server.CLI("CONFIG", "SET", "min-replicas-to-write", "0")
	eventually(t, "it is put back", func() bool { return b.counts.putBack.Get() == 1 })
	if err := publish(t, b, "two"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what comes next is delivered", func() bool { return len(r.texts()) == 2 })
}

// TestGhostsWaitOnce: however often a server's history is doubted while it is away, a group
// that nobody follows waits once to be looked at.
func TestGhostsWaitOnce(t *testing.T) {
	m := &master{wake: make(chan struct{}, 1)}
	b := &Broker{rings: *newRings(), follows: follows{
		byKey: make(map[string]*follow), ghosts: make(map[string]*follow),
		layout: &layout{masters: []*master{m}, slots: []*master{m}},
	}}
	m.broker = b
	b.counts.init(metrics.NewSet(), b)
	f := &b.follows
	for i := range 5 {
		b.rings.say([]acked{{broker.Position{Ms: uint64(i + 1)}, &broker.Message{Group: lobby}}})
		b.lookAround()
	}
	for range 3 { // and if it cannot be looked at
		batch := f.take(m, nil, 10)
		if len(batch) != 1 || batch[0].last.Ms != 5 {
			t.Fatalf("%d wait, want one, from the newest entry on", len(batch))
		}
		b.lookAround()
		m.retry(batch)
		f.done(batch)
	}
	b.rings.clear(lobby)
	batch := f.take(m, nil, 10)
	m.retry(batch)
	f.done(batch)
	if len(m.dirty) != 0 || len(f.ghosts) != 0 {
		t.Errorf("%d wait of which nothing is held, and %d are known", len(m.dirty), len(f.ghosts))
	}
}
