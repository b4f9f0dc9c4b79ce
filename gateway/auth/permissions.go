package auth

import (
	"fmt"
	"slices"
	"strings"
)

// Permissions is which groups a client may join and leave, and which it may send
// to. The zero value allows nothing. Receiving needs no permission beyond being in
// the group. Immutable, and small where no group is named, as with most clients.
type Permissions struct {
	joinAll, sendAll bool
	named            *named // nil if no role names a group
}

// named are the groups that roles name.
type named struct{ join, send scope }

// scope is the groups that one kind of role names, and those that were taken away since.
type scope struct {
	groups   map[string]bool
	patterns []pattern
	denied   map[string]bool // whatever else allows them
}

// The roles of the client protocol. A literal group follows the first two behind a
// dot; a pattern follows the plural ones.
const (
	roleJoin  = "webpubsub.joinLeaveGroup"
	roleSend  = "webpubsub.sendToGroup"
	roleJoins = "webpubsub.joinLeaveGroups."
	roleSends = "webpubsub.sendToGroups."
)

// The protocol's bounds of each scope. Roles beyond them allow nothing.
const (
	maxGroups   = 1000
	maxPatterns = 10
)

// ParseRoles turns a token's roles into permissions. A role that is none of ours
// allows nothing: it may be meant for somebody else. Nor does one with a pattern
// that cannot be read: it is better found by a Forbidden than by a guess.
func ParseRoles(roles []string) Permissions {
	var p Permissions
	var n named
	for _, role := range roles {
		switch {
		case role == roleJoin:
			p.joinAll = true
		case role == roleSend:
			p.sendAll = true
		case strings.HasPrefix(role, roleJoins):
			n.join.addPattern(role[len(roleJoins):])
		case strings.HasPrefix(role, roleSends):
			n.send.addPattern(role[len(roleSends):])
		case strings.HasPrefix(role, roleJoin+"."):
			n.join.addGroup(role[len(roleJoin)+1:])
		case strings.HasPrefix(role, roleSend+"."):
			n.send.addGroup(role[len(roleSend)+1:])
		}
	}
	if !n.join.empty() || !n.send.empty() {
		p.named = &n
	}
	return p
}

// CheckRole says why a role allows nothing; nil if it allows something. For whoever
// makes tokens or settings, where such a role is a mistake.
func CheckRole(role string) error {
	p := ParseRoles([]string{role})
	switch {
	case p.joinAll || p.sendAll || p.named != nil:
		return nil
	case strings.HasPrefix(role, roleJoins) || strings.HasPrefix(role, roleSends):
		return fmt.Errorf("role %s: its pattern cannot be read: it has 1 to %d bytes, at most %d *, and \\ only before *, ? or \\", quoted(role), maxPatternBytes, maxPatternStars)
	}
	return fmt.Errorf("role %s is none of ours: want %s or %s, alone or with .GROUP behind it, or their plural with .PATTERN", quoted(role), roleJoin, roleSend)
}

func (s *scope) addGroup(group string) {
	if group == "" || len(s.groups) == maxGroups {
		return
	}
	if s.groups == nil {
		s.groups = make(map[string]bool)
	}
	s.groups[group] = true
}

func (s *scope) addPattern(text string) {
	if p, ok := compile(text); ok && len(s.patterns) < maxPatterns {
		s.patterns = append(s.patterns, p)
	}
}

func (s *scope) empty() bool { return len(s.groups)+len(s.patterns)+len(s.denied) == 0 }

// allows reports whether a group is allowed; all is whether every group is that was not
// taken away.
func (s *scope) allows(all bool, group string) bool {
	return !s.denied[group] && (all || s.has(group))
}

func (s *scope) has(group string) bool {
	return s.groups[group] || slices.ContainsFunc(s.patterns, func(p pattern) bool { return p.matches(group) })
}

// MayJoin reports whether the client may join and leave a group. It never waits;
// a reactor calls it for each request.
func (p *Permissions) MayJoin(group string) bool {
	if p.named == nil {
		return p.joinAll
	}
	return p.named.join.allows(p.joinAll, group)
}

// MaySend reports whether the client may send to a group. It never waits; a
// reactor calls it for each message.
func (p *Permissions) MaySend(group string) bool {
	if p.named == nil {
		return p.sendAll
	}
	return p.named.send.allows(p.sendAll, group)
}
