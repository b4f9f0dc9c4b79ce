package redisstream

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

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

// toldOnce checks that no node tells of one loss again and again. It may find it by itself and
// in the stream.
func (p *pair) toldOnce() {
	p.t.Helper()
	for i := range p.nodes {
		if n := p.lost(i); n > 2 {
			p.t.Errorf("node %d tells of %d losses", i, n)
		}
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
	elapse()
	if err := p.nodes[0].commands().RestoreReplace(p.t.Context(), p.nodes[0].key(lobby), 0, dump).Err(); err != nil {
		p.t.Fatal(err)
	}
}

// fork takes it back and adds an entry at an id, in one step with what else is to be done, so
// that no node can be faster.
func (p *pair) fork(dump, id, text string, more ...[]any) {
	p.t.Helper()
	if id == "*" {
		elapse()
	}
	key := p.nodes[0].key(lobby)
	_, err := p.nodes[0].commands().TxPipelined(p.t.Context(), func(pipe redis.Pipeliner) error {
		pipe.RestoreReplace(p.t.Context(), key, 0, dump)
		pipe.XAdd(p.t.Context(), xadd(key, id, fieldData, text, fieldType, "text"))
		for _, command := range more {
			pipe.Do(p.t.Context(), command...)
		}
		return nil
	})
	if err != nil {
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

// xadd is the arguments of XADD.
func xadd(key, id string, values ...any) *redis.XAddArgs {
	return &redis.XAddArgs{Stream: key, ID: id, Values: values}
}

// elapse waits until Redis's clock is behind no position that it has given: then nothing that
// was lost is given again to something else, and it can be put back.
func elapse() { time.Sleep(2 * time.Millisecond) }
