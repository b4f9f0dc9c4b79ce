package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// pursuit gives the late members of one topic on one worker what they missed, read
// from the stream a page at a time. Members that stand at about the same position
// share the reading. It exists while there are such members, and is owned by the
// worker's loop; only the page is read elsewhere, in the pool.
//
// A member is live again when it has everything up to the last message that this
// worker sent to the topic's other members: all that comes later it gets as they do.
// A page may reach further than that; of what is beyond it gets nothing.
type pursuit struct {
	relay   *relay
	topic   *topic
	worker  *reactor.Worker
	members []*membership // pursued; nil, or no longer pursued, is one that has gone

	reading bool
	stale   bool            // the page was read before a gap was found
	after   broker.Position // the page begins behind it
	page    []delivery
	blank   int // pages in a row that had nothing, although the worker has sent what stands behind them
	next    int // index in members of the one whose turn it is
}

// hole is the gap of a topic, if it has one.
type hole struct {
	at    broker.Position
	known bool
}

// The bounds of a pursuit.
const (
	pursuitPage  = 64                     // messages that are read at once
	pursuitBytes = 512 << 10              // handed to connections in one turn: others are to be served in between
	pursuitRead  = 5 * time.Second        // for the broker to answer
	pursuitPause = 250 * time.Millisecond // before a read that failed, or found the pool full, is tried again
	pursuitBlank = 40                     // pages that may be blank, for the broker to put back what the stream lost or to tell of a gap
)

// pursue has a late member be given what it missed; one that does not know yet where it
// begins, later. Called on the loop.
func (r *relay) pursue(w *reactor.Worker, m *membership) {
	if m.Member.late != late || m.Member.from == notYet {
		return
	}
	t := m.Group.Topic
	all := r.pursuits[w.Index()]
	p := all[t]
	if p == nil {
		p = &pursuit{relay: r, topic: t, worker: w}
		all[t] = p
	}
	m.Member.late = pursued
	p.members = append(p.members, m)
	if !p.reading {
		p.read()
	}
}

// read asks for the page behind the position of the member that is the furthest
// behind, or ends the pursuit if nobody is. Called on the loop.
func (p *pursuit) read() {
	p.members = slices.DeleteFunc(p.members, gone)
	if len(p.members) == 0 {
		delete(p.relay.pursuits[p.worker.Index()], p.topic)
		return
	}
	p.reading, p.stale = true, false
	p.after = p.members[0].Member.from
	for _, m := range p.members[1:] {
		if m.Member.from.Before(p.after) {
			p.after = m.Member.from
		}
	}
	after, wanted := p.after, p.topic.variants()
	var gap hole
	gap.at, gap.known = p.relay.gaps[p.worker.Index()][p.topic]
	err := p.worker.Pool().TrySubmit(func() {
		page, err := p.fetch(after, wanted, gap)
		_ = p.worker.Post(func(*reactor.Worker) { p.begin(page, err) })
	})
	if err != nil {
		p.retry()
	}
}

// gone says that a place of the list is nobody's any more.
func gone(m *membership) bool { return m == nil || m.Member.late != pursued }

// fetch reads a page and encodes it. Called in the pool.
func (p *pursuit) fetch(after broker.Position, wanted [variants]bool, gap hole) (page []delivery, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), pursuitRead)
	defer cancel()
	messages, err := p.relay.broker.Read(ctx, p.topic.group, after, pursuitPage)
	if after.IsZero() && len(messages) > 0 && messages[0].Position != p.relay.began(p.topic) {
		// From the start means from the start of what is kept, and that is no longer
		// where the group began.
		return nil, broker.ErrTrimmed
	}
	if err != nil {
		return nil, err
	}
	return p.encode(messages, after, wanted, gap), nil
}

// encode makes a page of messages, with the gaps in it where they belong: those that
// the stream itself has a mark of, and the one that this node has found.
func (p *pursuit) encode(messages []*broker.Message, after broker.Position, wanted [variants]bool, gap hole) []delivery {
	page := make([]delivery, 0, len(messages)+1)
	lose := func(at broker.Position) {
		page = append(page, delivery{relay: p.relay, topic: p.topic, lost: true, last: at})
	}
	crosses := gap.known && after.Before(gap.at)
	flagged := gap.known && after == gap.at
	var frames reactor.Builder
	for i, m := range messages {
		if crosses && gap.at.Before(m.Position) {
			lose(gap.at)
			crosses, flagged = false, true
		}
		if m.Lost {
			lose(m.Position)
			crosses, flagged = crosses && m.Position != gap.at, true
			continue
		}
		page = append(page, delivery{relay: p.relay, topic: p.topic})
		page[len(page)-1].encode(&frames, messages[i:i+1], wanted, flagged)
		flagged = false
	}
	if crosses && len(messages) < pursuitPage {
		lose(gap.at)
	}
	return page
}

// retry reads again after a pause.
func (p *pursuit) retry() {
	time.AfterFunc(pursuitPause, func() {
		_ = p.worker.Post(func(*reactor.Worker) { p.read() })
	})
}

// begin takes a page, or what went wrong with it. Called on the loop.
func (p *pursuit) begin(page []delivery, err error) {
	switch {
	case p.stale:
		p.end()
	case errors.Is(err, broker.ErrTrimmed):
		p.giveUp()
		p.end()
	case err != nil:
		p.relay.server.Log.Warn("what slow readers missed could not be read; it is tried again", "group", p.topic.group.String(), slog.Any("error", err))
		p.retry()
	default:
		p.page, p.next = page, 0
		p.hand()
	}
}

// giveUp is for the members whose position the stream no longer reaches back to. Who has
// asked to be told goes on with the others; the rest are closed, since they would miss
// messages without knowing.
func (p *pursuit) giveUp() {
	ran := p.topic.workers[p.worker.Index()].ran
	for _, m := range p.members {
		if gone(m) || m.Member.from != p.after {
			continue
		}
		s := m.Member.session()
		s.catchUp(m)
		if m.Member.notices {
			if m.Member.from.Before(ran) {
				m.Member.from = ran
			}
			m.Member.miss(newNotice(p.topic.group, m.Member.from))
		} else {
			s.conn.Close(ws.StatusPolicyViolation, "too slow: the group's stream no longer holds what you missed", reactor.SlowReader)
		}
	}
}

// hand gives the page to the members one after the other, and lets the loop turn
// where it gets much. Called on the loop.
func (p *pursuit) hand() {
	for bytes := 0; p.next < len(p.members); p.next++ {
		if p.stale {
			break
		}
		if bytes >= pursuitBytes {
			if p.worker.TryPost(func(*reactor.Worker) { p.hand() }) == nil {
				return
			}
		}
		m := p.members[p.next]
		if gone(m) || m.Member.from.Before(p.after) {
			continue // it came while the page was read, and waits for the next
		}
		sent, size := p.give(m)
		bytes += size
		p.settle(m)
		p.relay.counts.deliveries[p.worker.Index()].Add(sent)
		if gone(m) {
			p.members[p.next] = nil // it may be pursued again before the list is read
		}
	}
	if len(p.page) > 0 || p.stale || !slices.ContainsFunc(p.members, p.waits) {
		p.blank = 0
		p.end()
		return
	}
	p.blank++
	p.page = nil
	p.retry()
}

// waits reports whether a member stands at the page's start, and the worker has sent
// more than that.
func (p *pursuit) waits(m *membership) bool {
	return !gone(m) && m.Member.from == p.after && m.Member.from.Before(p.topic.workers[p.worker.Index()].ran)
}

// end lets go of the page and goes on with the next.
func (p *pursuit) end() {
	p.page, p.reading = nil, false
	p.read()
}

// give offers one member what it has not got of the page, as long as its connection
// takes it, and up to what the worker has sent to the others: what comes after that it
// gets with them.
func (p *pursuit) give(m *membership) (sent, bytes int) {
	ran, start := p.topic.workers[p.worker.Index()].ran, m.Member.from
	for i := range p.page {
		d := &p.page[i]
		at := d.last
		if d.lost {
			// Who stands there has all that is before the gap, and not what the gap took.
			if start.Before(at) && !at.Before(m.Member.from) {
				m.Member.from = at
				m.Member.miss(newNotice(p.topic.group, at))
			}
			continue
		}
		if ran.Before(at) {
			if m.Member.from.Before(ran) {
				m.Member.from = ran
			}
			return sent, bytes
		}
		if !m.Member.from.Before(at) {
			continue
		}
		if !d.excludes(m) {
			size := d.size(m.Member.variant)
			if size == 0 {
				return sent, bytes // nobody got messages in its form when the page was read; the next has it
			}
			if !d.offer(m) {
				m.Member.late = late
				return sent, bytes
			}
			sent, bytes = sent+1, bytes+size
		}
		m.Member.from = at
	}
	return sent, bytes
}

// size is how many bytes a message of a page has in one form.
func (d *delivery) size(v variant) int {
	if v == numbered {
		return len(d.bodies.text)
	}
	return d.frames[v].Len()
}

// offer gives a member a message of a page, if its connection takes it.
func (d *delivery) offer(m *membership) bool {
	if m.Member.variant == numbered {
		return d.number(m, m.Member.from)
	}
	return m.Member.conn.Offer(d.frames[m.Member.variant])
}

// settle makes a member live that has caught up.
func (p *pursuit) settle(m *membership) {
	ran := p.topic.workers[p.worker.Index()].ran
	switch {
	case gone(m):
		return
	case m.Member.from.Before(ran) && (len(p.page) > 0 || p.blank < pursuitBlank):
		return
	case m.Member.from.Before(ran):
		// The stream has lost its end for good, and nobody has said so: it expired.
		m.Member.from = ran
		m.Member.miss(newNotice(p.topic.group, ran))
	}
	m.Member.session().catchUp(m)
	p.relay.counts.caughtUp[p.worker.Index()].Inc()
}
