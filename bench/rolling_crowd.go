package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// crowd is the clients of a rolling restart.
type crowd struct {
	// Static after newCrowd.
	plan       Plan
	o          rollingOptions
	ctx        context.Context // of all clients
	stop       context.CancelFunc
	members    []*rollingMember
	publishers []*rollingPublisher
	start      chan struct{} // closed when everybody is there
	quiet      chan struct{} // closed when enough was said
	clients    sync.WaitGroup
	in         atomic.Int64 // members that are in their group

	mu    sync.Mutex // guards what follows
	turns []*Turn
	away  *hdrhistogram.Histogram
	told  *hdrhistogram.Histogram // what members were told
}

// Turn is the restart of one gateway.
type Turn struct {
	Took     float64 `json:"took_secs"`     // from SIGTERM to the process' end
	Closed   int     `json:"closed"`        // members whose connection ended
	Back     int     `json:"back"`          // and was replaced
	Closes   []int   `json:"closes"`        // by the second after SIGTERM
	Returns  []int   `json:"returns"`       // likewise
	LastBack float64 `json:"last_back_sec"` // when the last was back, from SIGTERM

	began time.Time
}

// newCrowd makes the clients.
func newCrowd(ctx context.Context, o rollingOptions) *crowd {
	c := &crowd{plan: o.plan, o: o, start: make(chan struct{}), quiet: make(chan struct{}), away: newHistogram(), told: newHistogram()}
	c.ctx, c.stop = context.WithCancel(ctx)
	layout := c.plan.Layout()
	for id := range c.plan.Connections {
		m := &rollingMember{crowd: c, id: id, group: layout.Group(id)}
		if o.reliable {
			m.session = new(reliableSession)
		}
		c.members = append(c.members, m)
	}
	for id := range c.plan.Publishers {
		c.publishers = append(c.publishers, newRollingPublisher(c, id))
	}
	return c
}

// gatherPace is how many members connect a second: gently, this is not a storm.
const gatherPace = 1000

// gather has everybody come, and then the publishers speak.
func (c *crowd) gather(show *Progress) error {
	for _, p := range c.publishers {
		c.clients.Go(func() { p.live(c.ctx, c.start, c.quiet) })
	}
	for i, m := range c.members {
		c.clients.Go(func() { m.live(c.ctx) })
		if i%(gatherPace/50) == 0 {
			pause(c.ctx, time.Second/50)
			show.Tick("%s of %s members are there", grouped(float64(c.in.Load())), grouped(len(c.members)))
		}
	}
	if err := c.back(); err != nil {
		return err
	}
	show.Line("%s members are there", grouped(len(c.members)))
	close(c.start)
	return nil
}

// until waits until ok, for as long as patience.
func (c *crowd) until(ok func() bool) bool {
	for deadline := time.Now().Add(c.o.patience); !ok(); pause(c.ctx, 20*time.Millisecond) {
		if c.ctx.Err() != nil || time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// back waits until every member is in its group.
func (c *crowd) back() error {
	if c.until(func() bool { return int(c.in.Load()) == len(c.members) }) {
		return nil
	}
	return fmt.Errorf("%d of %d members were not in their group within %v (%v)", len(c.members)-int(c.in.Load()), len(c.members), c.o.patience, c.trouble())
}

// trouble is what clients complain of, if they do. A member's own word is its
// goroutine's, so this asks those of the publishers.
func (c *crowd) trouble() string {
	for _, p := range c.publishers {
		p.mu.Lock()
		why := p.why
		p.mu.Unlock()
		if why != "" {
			return why
		}
	}
	return "no publisher had trouble"
}

// turn begins the restart of a gateway.
func (c *crowd) turn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turns = append(c.turns, &Turn{began: time.Now()})
}

// restarted notes that the gateway of this turn has ended.
func (c *crowd) restarted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.turns[len(c.turns)-1]
	t.Took = time.Since(t.began).Seconds()
}

// left notes that a member's connection has ended.
func (c *crowd) left(_ *rollingMember, end farewell) {
	c.in.Add(-1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.turns) == 0 {
		return
	}
	t := c.turns[len(c.turns)-1]
	t.Closed++
	t.Closes = bump(t.Closes, t.began)
	record(c.told, end.after)
}

// wait is how long a client stays away.
func (c *crowd) wait(end farewell) time.Duration {
	if c.o.eager {
		return 0
	}
	return end.after
}

// joined notes that a member is in its group, for the first time or again.
func (c *crowd) joined(m *rollingMember) {
	c.in.Add(1)
	if m.lost.IsZero() {
		return
	}
	away := time.Since(m.lost)
	m.lost = time.Time{}
	c.mu.Lock()
	defer c.mu.Unlock()
	record(c.away, away)
	if len(c.turns) > 0 {
		t := c.turns[len(c.turns)-1]
		t.Back++
		t.Returns = bump(t.Returns, t.began)
		t.LastBack = time.Since(t.began).Seconds()
	}
}

// bump counts one more in the second that it is since the beginning.
func bump(counts []int, began time.Time) []int {
	second := int(time.Since(began) / time.Second)
	for len(counts) <= second {
		counts = append(counts, 0)
	}
	counts[second]++
	return counts
}

// settle ends the publishing, waits for the acks and for what is under way, and ends the
// clients: then their books may be read.
func (c *crowd) settle() {
	close(c.quiet)
	c.until(func() bool {
		for _, p := range c.publishers {
			if !p.answered() {
				return false
			}
		}
		return true
	})
	// What was acked is in the stream, and what is in the stream comes within a moment
	// or not at all; a member's own book cannot be read while it writes.
	pause(c.ctx, c.o.rest)
	c.end()
}

// end ends all clients and waits until they have.
func (c *crowd) end() {
	c.stop()
	c.clients.Wait()
}
