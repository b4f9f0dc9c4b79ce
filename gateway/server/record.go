package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/wire"
)

// record is a reliable session as another node can go on with it: positions, and no
// payloads. It does not change once it was made.
type record struct {
	ID       string
	Hub      string
	User     string
	Token    string
	Owner    string // the node that has written it
	Detached bool   // and has let go of it; if not, it was a checkpoint of a session that went on
	Last     uint64
	Acked    uint64
	Groups   []place
	Runs     []sent
	Acks     []ackRun      // requests that were done
	Permits  []auth.Change `json:",omitempty"` // to what its token allows
}

// place is where the session stands in a group.
type place struct {
	Group   string
	From    broker.Position
	Notices bool // it has asked to be told of gaps
	Watches bool // and of who is there

	// Empty is when nothing had been said in the group yet, if From is zero: what was lost
	// before that is no matter.
	Empty broker.Position
}

// maxCount is more messages than a run can have: limits.unacked_messages is at most that.
const maxCount = 10_000_000

// sessionKey is where a session's record is kept, for all nodes.
func sessionKey(id string) string { return "session/" + id }

// record is what the session is now. Called on its loop.
func (s *session) record() *record {
	r := s.reliable
	c := &record{
		ID: s.id.String(), Hub: s.hub, User: s.identity.User, Token: r.token, Owner: s.server.node,
		Last: r.window.last, Acked: r.window.acked,
		Groups:  make([]place, 0, len(s.memberships)),
		Runs:    append([]sent(nil), r.window.runs...),
		Acks:    s.acks.runsDone(),
		Permits: slices.Clone(r.permits),
	}
	for _, m := range s.memberships {
		if m.Member.from != notYet {
			g := m.Group.Topic.group
			p := place{Group: g.Name, From: m.Member.from, Notices: m.Member.notices, Watches: s.server.attendance.watches(s, g)}
			if p.From.IsZero() {
				p.Empty = broker.Beginning(time.Now())
			}
			c.Groups = append(c.Groups, p)
		}
	}
	c.Groups = append(c.Groups, r.rejoining...)
	return c
}

// detached is the record, let go of.
func (c *record) detached() *record {
	d := *c
	d.Detached = true
	return &d
}

// encode is the record as it is kept.
func (c *record) encode() []byte {
	b, _ := json.Marshal(c) // never fails: it has strings and numbers only
	return b
}

// decodeRecord reads what encode wrote.
func decodeRecord(b []byte) (*record, error) {
	c := new(record)
	if err := json.Unmarshal(b, c); err != nil {
		return nil, fmt.Errorf("server: the record of a session: %w", err)
	}
	if !c.sound() {
		return nil, errors.New("server: the record of a session: it has a run that cannot be")
	}
	return c, nil
}

// sound reports whether its runs are some, up to what was sent last: whoever reaches the
// broker can write a record, and what counts with them does not look again.
func (c *record) sound() bool {
	return !slices.ContainsFunc(c.Acks, func(r ackRun) bool { return r.First > r.Last }) &&
		!slices.ContainsFunc(c.Runs, func(r sent) bool {
			return r.Count < 1 || r.Count > maxCount || r.First < 1 || r.First > c.Last || uint64(r.Count-1) > c.Last-r.First
		})
}

// connected greets a client.
func (s *session) connected() {
	token := ""
	if s.reliable != nil {
		token = s.reliable.token
	}
	s.text(func(dst []byte) []byte { return wire.AppendConnected(dst, s.id.String(), s.identity.User, token) })
}
