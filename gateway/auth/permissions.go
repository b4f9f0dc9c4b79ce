package auth

import "strings"

// Permissions is which groups a client may join and leave, and which it may send
// to. The zero value allows nothing. Receiving needs no permission beyond being in
// the group.
type Permissions struct {
	joinAll, sendAll bool
	join, send       map[string]bool // literal group names
	joinPatterns     []string
	sendPatterns     []string
}

// The roles of the client protocol. A literal group follows the first two behind a
// dot; a pattern follows the plural ones.
const (
	roleJoin  = "webpubsub.joinLeaveGroup"
	roleSend  = "webpubsub.sendToGroup"
	roleJoins = "webpubsub.joinLeaveGroups."
	roleSends = "webpubsub.sendToGroups."
)

// ParseRoles turns a token's roles into permissions. A role that is none of ours
// allows nothing: it may be meant for somebody else.
func ParseRoles(roles []string) Permissions {
	var p Permissions
	for _, role := range roles {
		switch {
		case role == roleJoin:
			p.joinAll = true
		case role == roleSend:
			p.sendAll = true
		case strings.HasPrefix(role, roleJoins):
			p.joinPatterns = append(p.joinPatterns, role[len(roleJoins):])
		case strings.HasPrefix(role, roleSends):
			p.sendPatterns = append(p.sendPatterns, role[len(roleSends):])
		case strings.HasPrefix(role, roleJoin+"."):
			p.join = with(p.join, role[len(roleJoin)+1:])
		case strings.HasPrefix(role, roleSend+"."):
			p.send = with(p.send, role[len(roleSend)+1:])
		}
	}
	return p
}

func with(set map[string]bool, group string) map[string]bool {
	if set == nil {
		set = make(map[string]bool)
	}
	set[group] = true
	return set
}

// MayJoin reports whether the client may join and leave a group.
func (p *Permissions) MayJoin(group string) bool {
	return p.joinAll || p.join[group] || matchAny(p.joinPatterns, group)
}

// MaySend reports whether the client may send to a group.
func (p *Permissions) MaySend(group string) bool {
	return p.sendAll || p.send[group] || matchAny(p.sendPatterns, group)
}

func matchAny(patterns []string, group string) bool {
	for _, pattern := range patterns {
		if match(pattern, group) {
			return true
		}
	}
	return false
}

// Bounds of patterns, so that a hostile token cannot make matching slow.
const (
	maxPatternBytes = 1024
	maxPatternStars = 5
)

// match reports whether a group fits a pattern: ? is one character but a dot, * is
// any number of characters but dots, ** is anything, and \ takes the next
// character as it is.
func match(pattern, group string) bool {
	if len(pattern) > maxPatternBytes || strings.Count(pattern, "*") > maxPatternStars {
		return false
	}
	return matchRunes([]rune(pattern), []rune(group))
}

func matchRunes(pattern, group []rune) bool {
	for len(pattern) > 0 {
		switch {
		case pattern[0] == '*':
			return matchStar(pattern, group)
		case len(group) == 0:
			return false
		case pattern[0] == '?':
			if group[0] == '.' {
				return false
			}
		case pattern[0] == '\\' && len(pattern) > 1:
			pattern = pattern[1:]
			fallthrough
		default:
			if pattern[0] != group[0] {
				return false
			}
		}
		pattern, group = pattern[1:], group[1:]
	}
	return len(group) == 0
}

// matchStar tries every length for the star that the pattern begins with.
func matchStar(pattern, group []rune) bool {
	rest, crosses := pattern[1:], false
	if len(rest) > 0 && rest[0] == '*' {
		rest, crosses = rest[1:], true
	}
	for i := 0; ; i++ {
		if matchRunes(rest, group[i:]) {
			return true
		}
		if i == len(group) || group[i] == '.' && !crosses {
			return false
		}
	}
}
