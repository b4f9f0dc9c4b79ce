package redisstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// checker is clients that come and go on random nodes while messages flow and a fault
// strikes. Afterwards each of them must have had every acked message once and in order,
// or have been told, where it was missing, that something was lost.
type checker struct {
	t        *testing.T
	seed     uint64
	redis    *brokertest.Redis // where the fault strikes
	stations []*station
	groups   []broker.Group
	said     []*speech // by group
	clients  []*client
	rate     time.Duration // between two messages of a group
	shown    map[int]bool  // groups whose stream was logged

	stopped  chan struct{} // the speakers stop
	speaking sync.WaitGroup
	ending   atomic.Bool // the clients stay where they are
	over     chan struct{}
	living   sync.WaitGroup
}

// speech is what was said in one group: by one publisher, who numbers it.
type speech struct {
	mu    sync.Mutex // guards what follows
	acked map[int]broker.Position
	last  int
}

// client follows one group, and remembers what it has heard.
type client struct {
	group   int
	random  *rand.Rand
	cursor  broker.Position
	begun   bool
	history []event // guarded by the client's goroutine until it has ended
	stays   int
	reached atomic.Pointer[broker.Position] // the cursor, for others
}

// The size of a run. Further rounds come with TIDEGATE_CHECK_ROUNDS.
const (
	checkGroups  = 20
	checkClients = 60
	checkTime    = 3 * time.Second
	checkSweep   = time.Second
)

// seed is the number from which all that is random follows.
func seed(t *testing.T) uint64 {
	s := rand.Uint64N(1_000_000)
	if text := os.Getenv("TIDEGATE_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("TIDEGATE_SEED: %v", err)
		}
		s = n
	}
	t.Logf("TIDEGATE_SEED=%d repeats this run", s)
	return s
}

func newChecker(t *testing.T, s uint64, url string, l broker.Limits) *checker {
	c := &checker{t: t, seed: s, rate: 50 * time.Millisecond, shown: make(map[int]bool),
		stopped: make(chan struct{}), over: make(chan struct{})}
	for range 3 {
		c.stations = append(c.stations, newStation(t, url, l))
	}
	for _, s := range c.stations {
		eventually(t, "ready", func() bool { return s.broker.Ready() == nil })
	}
	for i := range checkGroups {
		c.groups = append(c.groups, broker.Group{Hub: "chat", Name: fmt.Sprint("g", i)})
		c.said = append(c.said, &speech{acked: make(map[int]broker.Position), last: -1})
	}
	return c
}

// random is the source of one part of the run.
func (c *checker) random(part, n int) *rand.Rand {
	return rand.New(rand.NewPCG(c.seed, uint64(part)<<32|uint64(n)))
}

// run lets everyone speak and listen while the fault strikes, and waits until all have
// heard the end.
func (c *checker) run(fault func(*checker, *rand.Rand)) {
	for i := range checkClients {
		cl := &client{group: i % checkGroups, random: c.random(1, i)}
		cl.reached.Store(&broker.Position{})
		c.clients = append(c.clients, cl)
		c.living.Go(func() { c.live(cl) })
	}
	for i := range c.groups {
		c.speaking.Go(func() { c.speak(i, c.random(2, i)) })
	}
	time.Sleep(checkTime / 3)
	fault(c, c.random(3, 0))
	time.Sleep(checkTime / 3)
	close(c.stopped)
	c.speaking.Wait()
	c.ending.Store(true)
	for i := range c.groups {
		eventually(c.t, "the last word is said", func() bool { return c.say(i, c.stations[0]) })
	}
	time.Sleep(checkSweep + 2*yield) // who has published without listening may know of a loss
	missing := c.tails()
	close(c.over)
	c.living.Wait()
	c.verdict(missing)
}

// speak says something every now and then, on any node.
func (c *checker) speak(group int, random *rand.Rand) {
	for {
		select {
		case <-c.stopped:
			return
		case <-time.After(time.Duration(random.Int64N(int64(2 * c.rate)))):
			c.say(group, c.stations[random.IntN(len(c.stations))])
		}
	}
}

// say publishes the next number of a group and reports whether it was acked.
func (c *checker) say(group int, s *station) bool {
	speech := c.said[group]
	speech.last++
	done := make(chan broker.Outcome, 1)
	m := &broker.Message{Group: c.groups[group], Type: broker.Text, Data: strconv.AppendInt(nil, int64(speech.last), 10)}
	if _, err := s.broker.Publish([]broker.Publication{{Message: m, Receipt: broker.Receipt{To: done}}}); err != nil {
		return false
	}
	outcome := <-done
	if outcome.Err != nil {
		return false
	}
	speech.mu.Lock()
	defer speech.mu.Unlock()
	speech.acked[speech.last] = outcome.Position
	return true
}

// live comes and goes until the run is over.
func (c *checker) live(cl *client) {
	g := c.groups[cl.group]
	for !c.done() {
		s := c.stations[cl.random.IntN(len(c.stations))]
		m, live, err := s.enter(g)
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		cl.stays++
		if c.resume(cl, s, live) {
			c.listen(cl, m)
		}
		s.leave(g, m, cl.random.IntN(4) == 0)
		if !c.ending.Load() {
			time.Sleep(time.Duration(cl.random.Int64N(int64(300 * time.Millisecond))))
		}
	}
}

func (c *checker) done() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// resume brings a client up to where it hears by itself. False: it has to come again.
func (c *checker) resume(cl *client, s *station, live broker.Position) bool {
	whole := false
	if cl.begun {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		var err error
		if whole, err = s.replay(ctx, c.groups[cl.group], cl.cursor, live, cl.hear); err != nil {
			if !errors.Is(err, broker.ErrUnavailable) {
				c.t.Errorf("replay: %v", err)
			}
			time.Sleep(20 * time.Millisecond)
			return false
		}
	}
	if !whole {
		why := "not recovered"
		if !cl.begun {
			why = "new"
		}
		cl.begun = true
		cl.hear(event{at: live, when: time.Now(), why: why})
	}
	return true
}

// hear takes an event and moves the cursor.
func (cl *client) hear(e event) {
	cl.history = append(cl.history, e)
	cl.cursor = e.at
	cl.reached.Store(&e.at)
}

// listen hears for a while what comes live. What a client knew before it came is not
// news to it; only a gap may take it back.
func (c *checker) listen(cl *client, m *stay) {
	leave := time.After(time.Duration(cl.random.Int64N(int64(700 * time.Millisecond))))
	for {
		for _, e := range m.take() {
			switch {
			case e.why == "gap" && e.before.Before(cl.cursor):
				e.at = cl.cursor // it was ahead of this station, and is
			case e.why != "gap" && !cl.cursor.Before(e.at):
				continue
			}
			cl.hear(e)
		}
		select {
		case <-m.heard:
		case <-c.over:
			return
		case <-leave:
			if !c.ending.Load() {
				return
			}
		}
	}
}

// heardAll reports whether a client has come to the last word of its group.
func (c *checker) heardAll(cl *client) bool {
	said := c.said[cl.group]
	return !cl.reached.Load().Before(said.acked[said.last])
}

// tails waits until every client has heard the last word of its group; it returns how
// many have not.
func (c *checker) tails() (missing int) {
	deadline := time.Now().Add(patience)
	for _, cl := range c.clients {
		for !c.heardAll(cl) {
			if time.Now().After(deadline) {
				missing++
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	return missing
}
