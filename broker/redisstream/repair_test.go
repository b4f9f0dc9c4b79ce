package redisstream

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// pair is two nodes that follow the lobby.
type pair struct {
	t       *testing.T
	redis   *brokertest.Redis
	nodes   []*Broker
	readers []*reader
	said    int
}

func newPair(t *testing.T, args ...string) *pair {
	p := &pair{t: t, redis: brokertest.StartRedis(t, args...)}
	for range 2 {
		r := newReader()
		p.readers = append(p.readers, r)
		p.nodes = append(p.nodes, subscribed(t, p.redis.URL(), limits(), r))
	}
	for _, b := range p.nodes {
		eventually(t, "ready", func() bool { return b.Ready() == nil })
	}
	return p
}

// say publishes the next n numbers and waits until both nodes have delivered them. What is
// refused is said again: a node may have its way back to Redis still before it.
func (p *pair) say(n int) {
	p.t.Helper()
	for range n {
		eventually(p.t, "a message is taken", func() bool {
			err := publish(p.t, p.nodes[p.said%2], strconv.Itoa(p.said))
			if err != nil && !errors.Is(err, broker.ErrUnavailable) {
				p.t.Fatal(err)
			}
			return err == nil
		})
		p.said++
	}
	p.delivered(strconv.Itoa(p.said - 1))
}

// delivered waits until text is the last that came to both nodes.
func (p *pair) delivered(text string) {
	p.t.Helper()
	for i, r := range p.readers {
		eventually(p.t, fmt.Sprintf("node %d has delivered %s", i, text), func() bool {
			all := r.texts()
			return len(all) > 0 && all[len(all)-1] == text
		})
	}
}

// once checks that both nodes delivered each number once and in order.
func (p *pair) once() {
	p.t.Helper()
	for i, r := range p.readers {
		all := r.texts()
		if len(all) != p.said {
			p.t.Errorf("node %d delivered %v, want each of %d once", i, all, p.said)
			continue
		}
		for k, text := range all {
			if text != strconv.Itoa(k) {
				p.t.Errorf("node %d delivered %v", i, all)
				break
			}
		}
	}
}

// at is the position of a number.
func (p *pair) at(number int) broker.Position {
	p.t.Helper()
	r := p.readers[0]
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.got {
		if string(m.Data) == strconv.Itoa(number) {
			return m.Position
		}
	}
	p.t.Fatalf("%d was not delivered", number)
	return broker.Position{}
}

// whole checks what Redis, and not what a node holds, says of a resume.
func (p *pair) whole(what string, since broker.Position, want bool) {
	p.t.Helper()
	for _, b := range p.nodes {
		b.rings.clear(lobby)
		if whole, err := b.Resume(p.t.Context(), lobby, since); err != nil || whole != want {
			p.t.Errorf("resume since %s: whole is %t, %v; want %t", what, whole, err, want)
		}
	}
}

// lost is how many losses each node has told its receiver of.
func (p *pair) lost(node int) int {
	r := p.readers[node]
	r.mu.Lock()
	defer r.mu.Unlock()
	marks := 0
	for _, m := range r.got {
		if m.Lost {
			marks++
		}
	}
	return marks + len(r.gaps)
}

// told waits until both nodes have told of a loss.
func (p *pair) told() {
	p.t.Helper()
	for i := range p.nodes {
		eventually(p.t, fmt.Sprintf("node %d tells of the loss", i), func() bool { return p.lost(i) > 0 })
	}
}

// count is a sum over both nodes.
func (p *pair) count(of func(*counts) uint64) (n uint64) {
	for _, b := range p.nodes {
		n += of(&b.counts)
	}
	return n
}

func markers(c *counts) uint64  { return c.markers.Get() }
func putBacks(c *counts) uint64 { return c.putBack.Get() }

// rollBack takes the lobby's stream back to what a former dump has.
func (p *pair) rollBack(dump string) {
	p.t.Helper()
	if err := p.nodes[0].commands().RestoreReplace(p.t.Context(), p.nodes[0].key(lobby), 0, dump).Err(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pair) dump() string {
	p.t.Helper()
	dump, err := p.nodes[0].commands().Dump(p.t.Context(), p.nodes[0].key(lobby)).Result()
	if err != nil {
		p.t.Fatal(err)
	}
	return dump
}

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
	elapse()
	key := p.nodes[0].key(lobby)
	// In one step, so that no node can be faster; and, as if Redis had been restarted, with
	// the connections gone.
	pipe := p.nodes[0].commands().TxPipeline()
	pipe.RestoreReplace(t.Context(), key, 0, dump)
	pipe.XAdd(t.Context(), xadd(key, "*", fieldData, "20", fieldType, "text"))
	pipe.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.redis.CLI("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	p.said++
	p.told()
	p.delivered("20")
	p.say(5)
	p.once()
	if n := p.count(markers); n < 1 || n > 2 {
		t.Errorf("%d marks were added", n)
	}
	for i := range p.nodes {
		if n := p.lost(i); n > 2 {
			t.Errorf("node %d tells of %d losses", i, n)
		}
	}
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
	key := p.nodes[0].key(lobby)
	pipe := p.nodes[0].commands().TxPipeline()
	pipe.RestoreReplace(t.Context(), key, 0, dump)
	pipe.XAdd(t.Context(), xadd(key, before(p.at(10)).String(), fieldData, "strange", fieldType, "text"))
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.redis.CLI("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	p.redis.CLI("CLIENT", "KILL", "TYPE", "pubsub")
	p.told()
	p.say(5)
	p.once()
	p.whole("9", p.at(9), false)
	p.whole("15", p.at(15), true)
	p.crossed(p.at(9), "strange", "10", "11")
}

// crossed checks that a mark stands among what comes after a position, beside the
// messages that do.
func (p *pair) crossed(after broker.Position, want ...string) {
	p.t.Helper()
	all, err := p.nodes[1].Read(p.t.Context(), lobby, after, 100)
	if err != nil {
		p.t.Fatal(err)
	}
	mark := slices.IndexFunc(all, func(m *broker.Message) bool { return m.Lost })
	if mark < 0 {
		p.t.Fatalf("%d messages after %s, and no mark among them", len(all), after)
	}
	for _, text := range want {
		if !slices.ContainsFunc(all, func(m *broker.Message) bool { return string(m.Data) == text }) {
			p.t.Errorf("%s is not among what comes after %s", text, after)
		}
	}
	p.whole("the mark", all[mark].Position, true)
	if rest, err := p.nodes[0].Read(p.t.Context(), lobby, all[mark].Position, 100); err != nil || len(rest) < len(all)-mark-1 {
		p.t.Errorf("after the mark are %d messages, %v", len(rest), err)
	}
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

// xadd is the arguments of XADD.
func xadd(key, id string, values ...any) *redis.XAddArgs {
	return &redis.XAddArgs{Stream: key, ID: id, Values: values}
}
