package auth

import (
	"errors"
	"maps"
)

// Right is one of the two things that a client may or may not do with a group.
type Right string

// The rights, by the names that the data plane has for them.
const (
	JoinLeave Right = "joinLeaveGroup"
	SendTo    Right = "sendToGroup"
)

// Known reports whether a right is one of the two.
func (r Right) Known() bool { return r == JoinLeave || r == SendTo }

// Change is a right that the application gives to a client while it is connected, or
// takes from it.
type Change struct {
	Right   Right
	Group   string `json:",omitempty"` // empty: every group
	Granted bool   // or taken away
}

// ErrTooManyGroups is what With says when a client's rights would name too many.
var ErrTooManyGroups = errors.New("the client's permissions name as many groups as they may (1000): grant or revoke all groups at once")

// With returns the permissions as they are after a change; p itself does not change. What
// is taken away of one group is not allowed from then on, whichever role had allowed it;
// what is taken away of all groups ends every role of that kind, and with a grant of all
// nothing is forbidden any more. Pure; p must be one that ParseRoles or With has made.
func (p Permissions) With(c Change) (Permissions, error) {
	var n named
	if p.named != nil {
		n = *p.named
	}
	all, s := &p.joinAll, &n.join
	if c.Right == SendTo {
		all, s = &p.sendAll, &n.send
	}
	if c.Group == "" {
		*all = c.Granted
		if s.denied = nil; !c.Granted {
			*s = scope{}
		}
	} else if err := s.change(*all, c); err != nil {
		return p, err
	}
	p.named = nil
	if !n.join.empty() || !n.send.empty() {
		p.named = &n
	}
	return p, nil
}

// change grants or denies one group. The maps are replaced, since others may be reading
// them.
func (s *scope) change(all bool, c Change) error {
	s.groups, s.denied = maps.Clone(s.groups), maps.Clone(s.denied)
	set := &s.groups
	if c.Granted {
		delete(s.denied, c.Group)
	} else {
		delete(s.groups, c.Group)
		set = &s.denied
	}
	if s.allows(all, c.Group) == c.Granted {
		return nil
	}
	if len(*set) >= maxGroups {
		return ErrTooManyGroups
	}
	if *set == nil {
		*set = make(map[string]bool)
	}
	(*set)[c.Group] = true
	return nil
}

// Has reports whether the client has a right in a group; of no group, whether it has it
// in all of them, but for those that were taken from it one by one.
func (p *Permissions) Has(r Right, group string) bool {
	switch {
	case group == "" && r == SendTo:
		return p.sendAll
	case group == "":
		return p.joinAll
	case r == SendTo:
		return p.MaySend(group)
	}
	return p.MayJoin(group)
}
