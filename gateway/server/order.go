package server

import (
	"fmt"
	"slices"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// Order is what the application wants done with connections, on whichever node they are.
type Order struct {
	Verb Verb
	Hub  string

	// Whom it is for: a connection, every connection of a user, or, if neither is said,
	// those that are in Group, or everybody in the hub.
	Connection string   `json:",omitempty"`
	User       string   `json:",omitempty"`
	Group      string   `json:",omitempty"` // that is also which one to join or leave
	Excluded   []string `json:",omitempty"` // connections that are left alone

	Change auth.Change `json:",omitzero"`  // of permissions
	Text   string      `json:",omitempty"` // that a client is told when it is closed
	At     int64       `json:",omitempty"` // Unix seconds: tokens made up to then are revoked
}

// Verb is what is done with a connection.
type Verb string

// The verbs.
const (
	Find       Verb = "find"       // nothing: is it there?
	Disconnect Verb = "disconnect" // closed; a reliable session ends with it
	Revoke     Verb = "revoke"     // closed if its token was made before Order.At
	Permit     Verb = "permit"     // Order.Change
	Permitted  Verb = "permitted"  // has it what Order.Change gives?
	Enter      Verb = "enter"      // joins the group, whatever its permissions
	Leave      Verb = "leave"      // leaves the group
	LeaveAll   Verb = "leave_all"  // leaves all groups
)

// Tally is what came of an order, on all nodes.
type Tally struct {
	Found int    // connections that it was for
	Done  int    // of them, for which it was done, or to which the answer is yes
	Fault string // why it was not done for one of the others; empty if there is none
}

// add is the sum of two.
func (t Tally) add(u Tally) Tally {
	t.Found, t.Done = t.Found+u.Found, t.Done+u.Done
	if t.Fault == "" {
		t.Fault = u.Fault
	}
	return t
}

// excludes reports whether a session is left alone.
func (o *Order) excludes(s *session) bool {
	return len(o.Excluded) > 0 && slices.Contains(o.Excluded, s.id.String())
}

// obey does with a session what an order says; done is called when that is over, now or
// later. Called on the session's loop.
func (s *session) obey(o *Order, done func(ok bool, fault string)) {
	switch o.Verb {
	case Find:
		done(true, "")
	case Disconnect:
		s.expel(o.Text, closedByApplication)
		done(true, "")
	case Revoke:
		done(s.expelRevoked(o.At), "")
	case Permit:
		if err := s.permit(o.Change); err != nil {
			done(false, err.Error())
			return
		}
		s.saved(func() { done(true, "") })
	case Permitted:
		done(s.identity.Permissions.Has(o.Change.Right, o.Change.Group), "")
	case Enter:
		s.admitTo(o.Group, done)
	case Leave:
		s.depart(o.Group)
		s.saved(func() { done(true, "") })
	case LeaveAll:
		s.departAll()
		s.saved(func() { done(true, "") })
	default:
		done(false, fmt.Sprintf("node %s does not know of %s: it is of another version", s.server.node, o.Verb))
	}
}

// expel tells the client why, and closes its connection; the session does not wait for it
// to come back.
func (s *session) expel(text string, why reactor.Reason) {
	if s.dialect == jsonDialect {
		s.text(func(dst []byte) []byte { return wire.AppendDisconnected(dst, text, 0) })
	}
	if r := s.reliable; r != nil && r.recovery == nil && r.released == nil && !r.abandoned {
		s.abandon() // at once: its connection may take a while to end
	}
	s.stage = departed
	s.conn.Close(ws.StatusPolicyViolation, text, why)
}

// permit changes what the client may do from now on. Others share its identity, so it
// gets one of its own.
func (s *session) permit(c auth.Change) error {
	permissions, err := s.identity.Permissions.With(c)
	if err != nil {
		return err
	}
	if r := s.reliable; r != nil {
		if r.permits, err = addPermit(r.permits, c); err != nil {
			return err
		}
		s.change()
	}
	own := *s.identity
	own.Permissions = permissions
	s.identity = &own
	return nil
}

// mostPermits is how many changes of its permissions go with a reliable session.
const mostPermits = 4000

// addPermit appends a change, without those that it makes meaningless.
func addPermit(changes []auth.Change, c auth.Change) (all []auth.Change, err error) {
	for _, old := range changes {
		if old.Right != c.Right || c.Group != "" && old.Group != c.Group {
			all = append(all, old)
		}
	}
	if len(all) >= mostPermits {
		return changes, auth.ErrTooManyGroups
	}
	return append(all, c), nil
}

// admitTo has the session join a group because the application says so.
func (s *session) admitTo(group string, done func(bool, string)) {
	if n := s.server.Limits.GroupsPerConnection; len(s.memberships) > n && s.membership(group) == nil {
		s.server.counts.fault(faultGroupLimit)
		done(false, fmt.Sprintf("the connection is in %d groups, the most that limits.groups_per_connection allows", n))
		return
	}
	s.server.relay.join(s, broker.Group{Hub: s.hub, Name: group}, nil, func(e entered) {
		if e.err != nil {
			f, _ := brokerFault(e.err)
			s.server.counts.fault(f)
			done(false, "the group could not be opened: "+e.err.Error())
			return
		}
		s.saved(func() { done(true, "") })
	})
}

// depart has the session leave a group, if it is in it. Everyone's it never leaves.
func (s *session) depart(group string) {
	if group == everyone {
		return
	}
	if m := s.membership(group); m != nil {
		s.server.relay.leave(s, m)
		s.forget(m)
	}
	if s.reliable != nil {
		s.reliable.rejoined(group)
		s.change()
	}
}

// departAll has it leave every group that it was joined to.
func (s *session) departAll() {
	var groups []string
	for _, m := range s.memberships {
		groups = append(groups, m.Group.Topic.group.Name)
	}
	if s.reliable != nil {
		for _, p := range s.reliable.rejoining {
			groups = append(groups, p.Group)
		}
	}
	for _, g := range groups {
		s.depart(g)
	}
}
