package redisstream

import (
	"testing"

	"github.com/tidegate/tidegate/broker"
)

// TestPutBack: what the nodes still hold of a history that Redis has lost is put back,
// whatever took it, and nobody notices.
func TestPutBack(t *testing.T) {
	for name, lose := range map[string]func(*pair){
		"FLUSHALL": func(p *pair) { p.redis.CLI("FLUSHALL") },
		"DEL":      func(p *pair) { p.redis.CLI("DEL", p.nodes[0].key(lobby)) },
		"killed":   func(p *pair) { p.redis.Kill(); p.redis.Restart() },
		"all keys, and the doorbell cut": func(p *pair) {
			p.redis.CLI("EVAL", "for _, k in ipairs(redis.call('KEYS', '*')) do redis.call('DEL', k) end", "0")
			p.redis.CLI("CLIENT", "KILL", "TYPE", "pubsub")
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.say(20)
			since := p.at(7)
			lose(p)
			eventually(t, "all is put back", func() bool { return putBacks(&p.nodes[0].counts)+putBacks(&p.nodes[1].counts) >= 20 })
			eventually(t, "ready", func() bool { return p.nodes[0].Ready() == nil && p.nodes[1].Ready() == nil })
			p.say(5)
			p.once()
			if p.lost(0)+p.lost(1) != 0 || p.count(markers) != 0 {
				t.Errorf("%d and %d losses are told, %d marks were added; want none: all was put back", p.lost(0), p.lost(1), p.count(markers))
			}
			p.whole("7", since, true)
			if name != "DEL" {
				eventually(t, "both nodes know that all was lost", func() bool {
					return p.nodes[0].counts.epochs.Get() > 0 && p.nodes[1].counts.epochs.Get() > 0
				})
			}
			p.whole("the beginning", broker.Position{}, name == "DEL")
			all, err := p.nodes[1].Read(t.Context(), lobby, since, 100)
			if err != nil || len(all) != 17 || all[0].Position != p.at(8) {
				t.Errorf("after 7 are %d messages, %v", len(all), err)
			}
		})
	}
}

// TestPutBackTail: of a stream that was taken back only the tail is added again. A node
// that does not hold all of a lost stream says so before it.
func TestPutBackTail(t *testing.T) {
	p := newPair(t)
	p.say(10)
	dump := p.dump()
	p.say(10)
	p.rollBack(dump)
	eventually(t, "it is put back", func() bool { return p.count(putBacks) == 10 })
	p.say(1)
	p.once()
	p.whole("3", p.at(3), true)
	p.whole("13", p.at(13), true)

	p.say(10) // the rings were cleared
	p.redis.CLI("FLUSHALL")
	eventually(t, "it is put back", func() bool { return p.count(putBacks) >= 20 })
	p.say(1)
	p.once()
	if n := p.lost(0) + p.lost(1); n != 0 {
		t.Errorf("%d losses are told to members that have lost nothing", n)
	}
	if n := p.count(markers); n != 1 {
		t.Errorf("%d marks were added, want one", n)
	}
	p.whole("3", p.at(3), false)
	p.whole("25", p.at(25), true)
	p.whole("the beginning", broker.Position{}, false)
}

// TestRolledBack: where others have spoken before what was lost could be put back, all
// nodes tell of it, once, and so does the stream to whoever comes back.
func TestRolledBack(t *testing.T) {
	p := newPair(t)
	p.say(10)
	dump := p.dump()
	p.say(10)
	// As if Redis had been restarted, with the connections gone.
	p.fork(dump, "*", "20", []any{"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"})
	p.redis.CLI("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	p.said++
	p.told()
	p.delivered("20")
	p.say(5)
	p.once()
	if n := p.count(markers); n < 1 || n > 2 {
		t.Errorf("%d marks were added", n)
	}
	p.toldOnce()
	p.whole("9, which was not lost", p.at(9), false)
	p.whole("15, which was", p.at(15), false)
	p.whole("24, which came later", p.at(24), true)
	p.crossed(p.at(9), "20", "21")
}

// TestForked: another server has taken a message that stands before one that the nodes
// had read of the first. That one is put back behind it, and members are told that
// there is something that they did not get.
func TestForked(t *testing.T) {
	p := newPair(t)
	p.say(10)
	dump := p.dump()
	p.say(1)
	p.fork(dump, before(p.at(10)).String(), "strange")
	p.redis.CLI("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	p.redis.CLI("CLIENT", "KILL", "TYPE", "pubsub")
	p.told()
	p.say(5)
	p.once()
	p.whole("9", p.at(9), false)
	p.whole("15", p.at(15), true)
	p.crossed(p.at(9), "strange", "10", "11")
}

// TestForgotten: nodes that hold nothing any more of a lost history mark the loss, all
// of them at the same place.
func TestForgotten(t *testing.T) {
	p := newPair(t)
	p.say(10)
	since := p.at(9)
	for _, b := range p.nodes {
		b.rings.clear(lobby)
	}
	p.redis.CLI("FLUSHALL")
	p.told()
	p.say(3)
	p.once()
	if n := p.count(markers); n != 1 {
		t.Errorf("%d marks were added, want one", n)
	}
	p.whole("9", since, false)
	p.whole("the beginning", broker.Position{}, false)
	p.whole("10", p.at(10), true)
	p.crossed(broker.Position{}, "10", "11", "12")
}

// TestClockBack: a server whose clock stands an hour before the positions that were given
// is followed all the same: no node waits for positions that come in an hour.
func TestClockBack(t *testing.T) {
	const future = "9000000000000-0"
	for name, holding := range map[string]bool{"held": true, "forgotten": false} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			key := p.nodes[0].key(lobby)
			p.say(2)
			p.redis.CLI("XADD", key, future, fieldData, "2", fieldType, "text")
			p.said++
			p.delivered("2")
			if !holding {
				for _, b := range p.nodes {
					b.rings.clear(lobby)
				}
			}
			// A message of the present is there before anyone can put back the future.
			pipe := p.nodes[0].commands().TxPipeline()
			pipe.Del(t.Context(), key)
			pipe.XAdd(t.Context(), xadd(key, "*", fieldData, "unheard", fieldType, "text"))
			if _, err := pipe.Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.told()
			p.say(5)
			last := p.at(2)
			for _, n := range []int{3, 4, 5, 6, 7} {
				if !last.Before(p.at(n)) {
					t.Errorf("%d is at %s, behind %s", n, p.at(n), last)
				}
				last = p.at(n)
			}
			p.whole("the future", p.at(2), false)
			p.whole("3", p.at(3), true)
		})
	}
}

// TestAheadOfStream: when a stream is gone whose positions lie in the future, what is said
// next is delivered all the same, and comes behind them.
func TestAheadOfStream(t *testing.T) {
	p := newPair(t)
	key := p.nodes[0].key(lobby)
	p.redis.CLI("XADD", key, "9000000000000-0", fieldData, "0", fieldType, "text")
	p.said++
	p.delivered("0")
	p.redis.CLI("DEL", key)
	p.told()
	p.say(5)
	p.once()
	if !p.at(0).Before(p.at(1)) {
		t.Errorf("0 is at %s, 1 at %s", p.at(0), p.at(1))
	}
	if n := p.count(putBacks); n != 0 {
		t.Errorf("%d were put back, where the present may come before them", n)
	}
}
