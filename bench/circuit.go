package main

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// circuitPublishers is how many connections publish: enough that a server has more
// than one socket to read, few enough that several messages share a write.
const circuitPublishers = 4

// groupBound is how many messages of one group may be under way, at least: fewer than
// make bench-limit's streams hold, and more than a fair server ever leaves waiting.
const groupBound = 24

// Circuit is the connections to one server in one shape, and the books about them:
// what was published, and what each member has heard. Members and publishers are
// connections of their own. All of it belongs to whoever calls its methods, one
// goroutine at a time, and stays open between measurements.
//
// Each group has one publisher and each member knows the number that is due next in
// each of its groups, so the first message that is lost, doubled, misplaced or out of
// order ends the run.
type Circuit struct {
	// Static after openCircuit.
	subject    Subject
	shape      Shape
	size       int
	members    []*Member
	publishers []*Publisher
	template   *Template
	patience   time.Duration // for which nothing may come that is due
	bound      uint64        // deliveries of one group that may be under way
	epoch      time.Time     // what due times count from

	poll  *poller
	buf   []byte
	now   time.Duration // since epoch, when the socket was read
	turns uint64        // publishes so far; they go round the groups

	published []uint64 // by group
	heard     []uint64 // deliveries, by group
	owed      int      // deliveries under way
	delivered uint64
	acked     uint64
	latency   *hdrhistogram.Histogram // due to delivered; nil: not of interest
}

// Member is one connection that listens.
type Member struct {
	Socket
	group int      // the only one, or -1
	next  []uint64 // the number that is due: of that group, or by group
}

// newMember returns connection id with the books that its place calls for.
func newMember(shape Shape, id int) *Member {
	m := &Member{Socket: Socket{fd: -1}, group: id % shape.Groups, next: make([]uint64, 1)}
	if shape.Everywhere {
		m.group, m.next = -1, make([]uint64, shape.Groups)
	}
	return m
}

// Publisher is one connection that publishes.
type Publisher struct {
	Socket
	batch   []byte // to be written at the end of the turn
	tickets uint64 // ackIds so far
	answers uint64 // acks so far
	acks    Sequence
}

// openCircuit opens all connections, or none. It waits for the server. The caller
// closes the circuit.
func openCircuit(ctx context.Context, s Subject, p Part) (*Circuit, error) {
	run := runName()
	c := &Circuit{
		subject: s, shape: p.Shape, size: p.Size, patience: p.patience, epoch: time.Now(),
		buf: make([]byte, readBytes+2*(p.Size+envelopeBytes)), bound: uint64(max(groupBound, 2*p.Window/p.Shape.Groups) * p.Shape.Fanout()),
		published: make([]uint64, p.Shape.Groups), heard: make([]uint64, p.Shape.Groups),
	}
	var err error
	if c.template, err = s.template(run, p.Size, p.Acks); err != nil {
		return nil, err
	}
	if c.poll, err = newPoller(); err != nil {
		return nil, fmt.Errorf("opening a poller: %w", err)
	}
	for id := range p.Shape.Connections {
		c.members = append(c.members, newMember(p.Shape, id))
	}
	for range p.Publishers {
		c.publishers = append(c.publishers, &Publisher{Socket: Socket{fd: -1}})
	}
	total := len(c.members) + len(c.publishers)
	err = dialAll(ctx, total, func(ctx context.Context, id int) error {
		var groups []int
		if id < len(c.members) {
			groups = p.Shape.Joined(id)
		}
		return s.connect(ctx, c.socket(id), run, id, groups)
	})
	for id := 0; id < total && err == nil; id++ {
		err = c.poll.add(c.socket(id).fd, id)
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("%s, %s: %w", s.Name, p.Shape.Name, err)
	}
	return c, nil
}

// socket is the connection of that number: members come first.
func (c *Circuit) socket(id int) *Socket {
	if id < len(c.members) {
		return &c.members[id].Socket
	}
	return &c.publishers[id-len(c.members)].Socket
}

// close closes all connections.
func (c *Circuit) close() {
	for id := range len(c.members) + len(c.publishers) {
		c.socket(id).close()
	}
	c.poll.close()
}

// elapsed is the time since the circuit's epoch.
func (c *Circuit) elapsed() time.Duration { return time.Since(c.epoch) }

// publish puts the next message into its publisher's batch. False if that connection
// takes no more for now, or the group is so far behind the others that the next would
// measure how long its stream is.
func (c *Circuit) publish(due time.Duration) bool {
	group := int(c.turns % uint64(c.shape.Groups))
	p := c.publishers[group%len(c.publishers)]
	fanout := uint64(c.shape.Fanout())
	if len(p.out) > 0 || (c.published[group]+1)*fanout-c.heard[group] > c.bound {
		return false
	}
	p.batch = c.template.stamp(p.batch, Payload{Group: group, Seq: c.published[group], Due: due}, firstTicket+p.tickets)
	p.tickets++
	c.turns++
	c.published[group]++
	c.owed += c.shape.Fanout()
	return true
}

// send writes the batches: one write a publisher, however many messages are due.
func (c *Circuit) send() error {
	for i, p := range c.publishers {
		if len(p.batch) == 0 {
			continue
		}
		taken, err := p.write(p.batch)
		if err != nil {
			return c.lastWords(len(c.members)+i, fmt.Errorf("publishing: %w", err))
		}
		if taken {
			p.batch = p.batch[:0]
		}
	}
	return nil
}

// turn sends what is due and serves the sockets that are ready, after at most pause.
func (c *Circuit) turn(pause time.Duration) error {
	if err := c.send(); err != nil {
		return err
	}
	ready, err := c.poll.wait(pause)
	if err != nil {
		return fmt.Errorf("waiting for sockets: %w", err)
	}
	for _, r := range ready {
		if err := c.serve(r); err != nil {
			return err
		}
	}
	return nil
}
