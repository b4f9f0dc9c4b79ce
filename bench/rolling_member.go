package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tidegate/tidegate/gateway/wire"
)

// rollingMember follows one group through all its connections. All of it is owned by its
// goroutine, and by whoever asks once that has ended.
type rollingMember struct {
	crowd *crowd
	id    int
	group int
	since string

	session *reliableSession // nil for a member that resumes by since
	line    *rollingLine

	seen                          Sequence
	delivered, twice, disordered  uint64
	last                          time.Time // when the last message came
	silence                       time.Duration
	lost                          time.Time // when the connection ended; zero while there is one
	unrecovered, refused, unclean int
	why                           string // the first trouble
}

// live is the member's life: connect, join, follow, and again, until ctx ends.
func (m *rollingMember) live(ctx context.Context) {
	for ctx.Err() == nil {
		protocol, query := wire.Protocol, ""
		if m.session != nil {
			protocol, query = wire.ReliableProtocol, m.session.query()
		}
		line, refused, err := openRolling(ctx, m.crowd.plan, m.id, protocol, query)
		m.refused += refused
		if err != nil {
			return
		}
		m.line = line
		hangUp := context.AfterFunc(ctx, func() { _ = line.Close() })
		if m.session == nil {
			m.enter()
		}
		end := line.listen(m.hear)
		hangUp()
		if ctx.Err() != nil {
			return
		}
		if m.session.refused(end) {
			m.unrecovered++
			m.trouble("a session was not recovered")
			m.session = new(reliableSession)
			continue
		}
		m.crowd.left(m, end)
		if m.lost = time.Now(); !end.clean() {
			m.unclean++
			m.trouble(fmt.Sprintf("the connection ended with %+v", end))
		}
		pause(ctx, m.crowd.wait(end))
	}
}

// enter asks for the group.
func (m *rollingMember) enter() {
	if err := m.line.say(m.join()); err != nil {
		m.trouble("joining: " + err.Error())
	}
}

// join is the member's request: from where it stands, if it stands anywhere.
func (m *rollingMember) join() []byte {
	b := fmt.Appendf(nil, `{"type":"joinGroup","group":%q,"ackId":1`, m.crowd.plan.GroupName(m.group))
	if m.since != "" {
		b = fmt.Appendf(b, `,"since":%q`, m.since)
	}
	return append(b, '}')
}

func (m *rollingMember) trouble(why string) {
	if m.why == "" {
		m.why = why
	}
}

// positionMark stands before a position in a frame; the payload has no quotes.
var positionMark = []byte(`"position":"`)

// hear takes one frame.
func (m *rollingMember) hear(b []byte) {
	p, ok := findPayload(b, m.crowd.plan.Size)
	if !ok {
		m.reply(b)
		return
	}
	now := time.Now()
	if !m.session.fresh(b, m.line, now) {
		return
	}
	if !m.last.IsZero() {
		m.silence = max(m.silence, now.Sub(m.last))
	}
	m.last = now
	m.delivered++
	switch m.seen.Observe(p.Seq) {
	case Duplicated:
		m.twice++
	case Reordered:
		m.disordered++
	}
	if p.Group != m.group {
		m.trouble(fmt.Sprintf("a message to group %d", p.Group))
		m.disordered++
	}
	if at := bytes.LastIndex(b, positionMark); at >= 0 {
		position, _, _ := bytes.Cut(b[at+len(positionMark):], []byte(`"`))
		m.since = string(position)
	}
}

// reply takes the greeting, and the ack of the join.
func (m *rollingMember) reply(b []byte) {
	var f rollingFrame
	switch err := json.Unmarshal(b, &f); {
	case err != nil:
		return
	case f.Event == "connected" && m.session != nil:
		if m.session.greeted(f) {
			m.crowd.joined(m)
		} else {
			m.enter()
		}
		return
	case f.Type != "ack":
		return
	}
	switch recovered := f.Recovered != nil && *f.Recovered; {
	case !f.Success:
		m.trouble("the join was refused: " + f.Error.Name + ": " + f.Error.Message)
		return
	case m.since == "":
		m.since = f.Position
	case !recovered:
		m.unrecovered++
		m.since = f.Position
	}
	m.crowd.joined(m)
}
