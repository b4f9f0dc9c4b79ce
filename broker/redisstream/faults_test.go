package redisstream

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

const patience = 20 * time.Second

var lobby = broker.Group{Hub: "chat", Name: "lobby"}

func limits() broker.Limits {
	return broker.Limits{
		Capacity: 100_000, GroupExpiry: time.Hour,
		QueueMessages: 10_000, QueueBytes: 64 << 20, WriteTimeout: time.Second,
	}
}

// reader is a receiver that keeps what it gets.
type reader struct {
	mu     sync.Mutex
	got    []*broker.Message
	gaps   []broker.Position
	opened chan error
	gate   chan struct{} // Deliver waits for it, if it is there
}

func newReader() *reader { return &reader{opened: make(chan error, 10)} }

func (r *reader) receiver() broker.Receiver {
	return broker.Receiver{
		Opened: func(_ broker.Group, _ broker.Position, err error) { r.opened <- err },
		Published: func(outcomes []broker.Outcome) {
			for _, o := range outcomes {
				o.Receipt.To.(chan error) <- o.Err
			}
		},
		Deliver: func(messages []*broker.Message) {
			if r.gate != nil {
				<-r.gate
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.got = append(r.got, messages...)
		},
		Gap: func(_ broker.Group, at broker.Position) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.gaps = append(r.gaps, at)
		},
	}
}

// texts is what came so far.
func (r *reader) texts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, m := range r.got {
		if !m.Lost {
			all = append(all, string(m.Data))
		}
	}
	return all
}

func (r *reader) lost() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.gaps)
}

// subscribed opens a broker that follows the lobby.
func subscribed(t *testing.T, url string, l broker.Limits, r *reader) *Broker {
	t.Helper()
	b := open(t, url, l, r.receiver())
	t.Cleanup(func() { _ = b.Close() })
	b.Subscribe(lobby)
	if err := <-r.opened; err != nil {
		t.Fatal(err)
	}
	return b
}

// publish publishes text and waits for what became of it.
func publish(t testing.TB, b *Broker, text string) error {
	t.Helper()
	done := make(chan error, 1)
	m := &broker.Message{Group: lobby, Type: broker.Text, Data: []byte(text)}
	if _, err := b.Publish([]broker.Publication{{Message: m, Receipt: broker.Receipt{To: done}}}); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatal("a publish is not answered")
	}
	return nil
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still not so: " + what)
		}
	}
}

// TestConnectionsCut cuts every connection to Redis a hundred times while a thousand
// messages a second flow: whoever follows a group, on either node, gets each message that
// was acked once and in order.
func TestConnectionsCut(t *testing.T) {
	redis := brokertest.StartRedis(t)
	l := startLoad(t, redis.URL(), 4, time.Millisecond)
	cut(l, 100, redis)
}

// cut does so, and judges.
func cut(l *load, times int, servers ...*brokertest.Redis) {
	for range times {
		for _, r := range servers {
			r.CLI("CLIENT", "KILL", "TYPE", "pubsub")
			r.CLI("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		}
		time.Sleep(20 * time.Millisecond) // messages flow
	}
	if announced := l.finish(); announced > 0 {
		l.t.Errorf("nothing was lost, and yet it was announced %d times", announced)
	}
}

// TestAway: without Redis publishes fail within their time, a group is not opened,
// the node says that it is not ready; with Redis back all is well by itself, however
// often that happens.
func TestAway(t *testing.T) {
	t.Parallel()
	redis := brokertest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newReader()
	b := subscribed(t, redis.URL(), limits(), r)
	eventually(t, "ready", func() bool { return b.Ready() == nil })
	for n := range 2 {
		redis.Kill()
		if err := publish(t, b, "lost"); !errors.Is(err, broker.ErrUnavailable) && !errors.Is(err, broker.ErrUnknown) {
			t.Errorf("publish without Redis: %v", err)
		}
		eventually(t, "not ready, with the reason", func() bool {
			err := b.Ready()
			return err != nil && strings.Contains(err.Error(), "connection refused")
		})
		if err := publish(t, b, "lost"); !errors.Is(err, broker.ErrUnavailable) {
			t.Errorf("publish without Redis: %v", err)
		}
		if _, err := b.Read(t.Context(), lobby, broker.Position{}, 1); !errors.Is(err, broker.ErrUnavailable) {
			t.Errorf("read without Redis: %v", err)
		}
		if n == 0 {
			b.Subscribe(broker.Group{Hub: "chat", Name: "other"})
			if err := <-r.opened; !errors.Is(err, broker.ErrUnavailable) {
				t.Errorf("subscribe without Redis: %v", err)
			}
		}
		redis.Restart()
		eventually(t, "ready again", func() bool { return b.Ready() == nil })
		if err := publish(t, b, "back"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the message came", func() bool {
			all := r.texts()
			return len(all) == n+1 && all[n] == "back"
		})
	}
	if r.lost() > 0 {
		t.Error("nothing was lost, and yet it was announced")
	}
}

// TestStoppedRedis: a Redis that stands still is as one that is away, and what was
// acked is there when it goes on.
func TestStoppedRedis(t *testing.T) {
	t.Parallel()
	redis := brokertest.StartRedis(t)
	r := newReader()
	b := subscribed(t, redis.URL(), limits(), r)
	if err := publish(t, b, "before"); err != nil {
		t.Fatal(err)
	}
	redis.Stop()
	if err := publish(t, b, "meanwhile"); !errors.Is(err, broker.ErrUnknown) && !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("publish to a Redis that stands still: %v", err)
	}
	eventually(t, "not ready", func() bool { return b.Ready() != nil })
	// Once that is known nobody waits for it any more. What it said before it stood still may
	// be read after that was noticed: then another command has to find out.
	eventually(t, "a publish is refused at once", func() bool {
		err := publish(t, b, "refused")
		return errors.Is(err, errSilentServer) && errors.Is(err, broker.ErrUnavailable)
	})
	redis.Continue()
	eventually(t, "a message passes again", func() bool { return publish(t, b, "after") == nil })
	eventually(t, "the messages came", func() bool {
		all := r.texts()
		return len(all) >= 2 && all[0] == "before" && all[len(all)-1] == "after"
	})
}

// TestTrimmed: a node that is made to wait for longer than the capacity lasts says
// so, once, and what it delivers afterwards is without a further hole.
func TestTrimmed(t *testing.T) {
	redis := brokertest.StartRedis(t, "--stream-node-max-entries", "10")
	l := limits()
	l.Capacity = 100
	r := newReader()
	r.gate = make(chan struct{})
	b := subscribed(t, redis.URL(), l, r)
	const sent = 2000
	for i := range sent {
		if err := publish(t, b, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	close(r.gate)
	eventually(t, "the last came", func() bool {
		all := r.texts()
		return len(all) > 0 && all[len(all)-1] == fmt.Sprint(sent-1)
	})
	if r.lost() == 0 {
		t.Error("messages were trimmed unread, and nobody was told")
	}
	holes, last := 0, -1
	for _, text := range r.texts() {
		i, _ := strconv.Atoi(text)
		if i <= last {
			t.Fatalf("%d came after %d", i, last)
		}
		if i != last+1 {
			holes++
		}
		last = i
	}
	if holes > r.lost() {
		t.Errorf("%d holes, and %d gaps were told", holes, r.lost())
	}
}

// TestSweep: what the doorbell failed to tell of is found by the sweep, delivered
// and counted.
func TestSweep(t *testing.T) {
	redis := brokertest.StartRedis(t)
	r := newReader()
	b := openSweeping(t, redis.URL(), time.Second, limits(), r.receiver())
	defer b.Close()
	b.Subscribe(lobby)
	if err := <-r.opened; err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready", func() bool { return b.Ready() == nil })
	// The doorbell is deaf to the group for as long as it does not know the key.
	var fo *follow
	eventually(t, "nothing is to be read", func() bool {
		b.follows.mu.Lock()
		defer b.follows.mu.Unlock()
		fo = b.follows.byKey[b.key(lobby)]
		if fo.dirty || fo.reading {
			return false
		}
		delete(b.follows.byKey, fo.key)
		return true
	})
	if err := publish(t, b, "unheard"); err != nil {
		t.Fatal(err)
	}
	heardOf(t, redis, b) // rings come in order, so that of the message is over
	b.follows.mu.Lock()
	b.follows.byKey[fo.key] = fo
	b.follows.mu.Unlock()
	eventually(t, "the sweep found it", func() bool { return len(r.texts()) == 1 })
	eventually(t, "it is counted", func() bool { return b.counts.sweepFound.Get() == 1 })
}

// heardOf returns when the doorbell has told of a key that is changed now.
func heardOf(t *testing.T, redis *brokertest.Redis, b *Broker) {
	t.Helper()
	// A ring clears the mark that a sweep leaves; this one lies in the future, where
	// nobody else clears it.
	marker := &follow{key: "tg:.marker", master: b.layout.Load().masters[0], gone: true, found: time.Now().Add(time.Hour)}
	b.follows.mu.Lock()
	b.follows.byKey[marker.key] = marker
	b.follows.mu.Unlock()
	redis.CLI("SET", marker.key, "1")
	eventually(t, "the doorbell tells of the marker", func() bool {
		b.follows.mu.Lock()
		defer b.follows.mu.Unlock()
		return marker.found.IsZero()
	})
}

// TestForeignEntries: entries that somebody else adds are delivered if they are fit
// to be, and passed over and counted if not.
func TestForeignEntries(t *testing.T) {
	redis := brokertest.StartRedis(t)
	r := newReader()
	b := subscribed(t, redis.URL(), limits(), r)
	key := b.key(lobby)
	redis.CLI("XADD", key, "*", "other", "x")
	redis.CLI("XADD", key, "*", "data", "{broken")
	redis.CLI("XADD", key, "*", "data", "x", "type", "video")
	redis.CLI("XADD", key, "*", "data", "1", "meta", "{")
	redis.CLI("XADD", key, "*", "data", `{"n":1}`, "colour", "red")
	redis.CLI("XADD", key, "*", "data", "plain", "type", "text")
	eventually(t, "both came", func() bool { return len(r.texts()) == 2 })
	if all := r.texts(); all[0] != `{"n":1}` || all[1] != "plain" {
		t.Errorf("got %v", all)
	}
	if n, bad := b.counts.skippedNoData.Get(), b.counts.skippedBadData.Get(); n != 1 || bad != 3 {
		t.Errorf("%d without data and %d with bad data were counted, want 1 and 3", n, bad)
	}
	if r.lost() != 0 {
		t.Error("a skipped entry was told as a gap")
	}
}

// TestReadPastForeignEntries: a page of nothing but what is passed over is not the end.
func TestReadPastForeignEntries(t *testing.T) {
	redis := brokertest.StartRedis(t)
	b := subscribed(t, redis.URL(), limits(), newReader())
	key := b.key(lobby)
	first, err := broker.ParsePosition(strings.TrimSpace(redis.CLI("XADD", key, "*", "data", "1")))
	if err != nil {
		t.Fatal(err)
	}
	for range 8 {
		redis.CLI("XADD", key, "*", "other", "x")
	}
	redis.CLI("XADD", key, "*", "data", "2")
	for _, limit := range []int{1, 4, 8, 100} {
		all, err := b.Read(t.Context(), lobby, first, limit)
		if err != nil || len(all) != 1 || string(all[0].Data) != "2" {
			t.Errorf("%d at a time: %d messages, %v; want the one behind what is passed over", limit, len(all), err)
		}
	}
}

// TestWrongType: a key that is no stream is its group's trouble and nobody else's.
func TestWrongType(t *testing.T) {
	redis := brokertest.StartRedis(t)
	r := newReader()
	b := subscribed(t, redis.URL(), limits(), r)
	other := broker.Group{Hub: "chat", Name: "string"}
	redis.CLI("SET", b.key(other), "x")
	b.Subscribe(other)
	if err := <-r.opened; !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("a string was opened as a stream: %v", err)
	}
	if err := publish(t, b, "hello"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message came", func() bool { return len(r.texts()) == 1 })
}
