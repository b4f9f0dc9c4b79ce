package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/gateway/wire"
)

// rollingPublisher publishes to its share of the groups, one after the other, through
// all its connections. It says nothing twice: what was not acked when its connection
// ended may have been said or not.
type rollingPublisher struct {
	crowd *crowd
	id    int

	mu      sync.Mutex // guards what follows
	next    []uint64   // by group: the number of the next message
	acked   []Sequence // by group
	pending map[uint64]rollingMessage
	ticket  uint64
	unknown map[rollingMessage]struct{} // whose ack said that they may have been published
	count   struct{ published, acked, refused, unanswered uint64 }
	unclean int
	why     string
}

// rollingMessage is one message that waits for its ack.
type rollingMessage struct {
	group int
	seq   uint64
}

func newRollingPublisher(c *crowd, id int) *rollingPublisher {
	return &rollingPublisher{
		crowd: c, id: id, next: make([]uint64, c.plan.Groups), acked: make([]Sequence, c.plan.Groups), pending: make(map[uint64]rollingMessage),
		unknown: make(map[rollingMessage]struct{}),
	}
}

// live is the publisher's life, until ctx ends. It speaks from when start is closed to
// when quiet is, and then stays for the acks.
func (p *rollingPublisher) live(ctx context.Context, start, quiet <-chan struct{}) {
	for ctx.Err() == nil {
		line, _, err := openRolling(ctx, p.crowd.plan, p.crowd.plan.Connections+p.id, wire.Protocol, "")
		if err != nil {
			return
		}
		speaking, hush := context.WithCancel(ctx)
		var speaker sync.WaitGroup
		speaker.Go(func() { p.speak(speaking, line, start, quiet) })
		hangUp := context.AfterFunc(ctx, func() { _ = line.Close() })
		end := line.listen(p.hear)
		hush()
		speaker.Wait()
		hangUp()
		p.abandon(ctx, end)
		pause(ctx, p.crowd.wait(end))
	}
}

// speak publishes at the publisher's part of the rate.
func (p *rollingPublisher) speak(ctx context.Context, line *rollingLine, start, quiet <-chan struct{}) {
	select {
	case <-start:
	case <-ctx.Done():
		return
	}
	plan := p.crowd.plan
	tick := time.NewTicker(time.Duration(float64(time.Second) * float64(plan.Publishers) / plan.Rate))
	defer tick.Stop()
	for group := p.id; ; {
		select {
		case <-ctx.Done():
			return
		case <-quiet:
			return
		case <-tick.C:
		}
		if line.say(p.message(group)) != nil {
			return // listen sees the end too
		}
		if group += plan.Publishers; group >= plan.Groups {
			group = p.id
		}
	}
}

// message is the next one to a group.
func (p *rollingPublisher) message(group int) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ticket++
	m := rollingMessage{group, p.next[group]}
	p.next[group]++
	p.pending[p.ticket] = m
	p.count.published++
	b := fmt.Appendf(nil, `{"type":"sendToGroup","group":%q,"dataType":"text","ackId":%d,"data":"`, p.crowd.plan.GroupName(group), p.ticket)
	b = appendPayload(b, Payload{Group: group, Slot: p.id, Seq: m.seq}, p.crowd.plan.Size)
	return append(b, `"}`...)
}

// hear takes an ack.
func (p *rollingPublisher) hear(b []byte) {
	var f rollingFrame
	if json.Unmarshal(b, &f) != nil || f.Type != "ack" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok := p.pending[f.AckID]
	switch delete(p.pending, f.AckID); {
	case !ok:
	case f.Success:
		p.count.acked++
		p.acked[m.group].Observe(m.seq)
	case strings.Contains(f.Error.Message, outcomeUnknown):
		p.unknown[m] = struct{}{}
		p.why = f.Error.Name + ": " + f.Error.Message
	default:
		p.count.refused++
		p.why = f.Error.Name + ": " + f.Error.Message
	}
}

// abandon counts what nobody will answer any more.
func (p *rollingPublisher) abandon(ctx context.Context, end farewell) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count.unanswered += uint64(len(p.pending))
	clear(p.pending)
	if ctx.Err() == nil && !end.clean() {
		p.unclean++
		p.why = fmt.Sprintf("the connection ended with %+v", end)
	}
}

// answered reports whether every publish is.
func (p *rollingPublisher) answered() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pending) == 0
}
