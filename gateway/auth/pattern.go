package auth

// pattern is a role's pattern of group names, one rune a token: a character that
// must be there, or one of the wildcards, which are no characters.
type pattern []rune

const (
	anyOne     rune = -1 // ?   one character but a dot
	anySegment rune = -2 // *   any number of characters but dots
	anything   rune = -3 // **  any number of characters
)

// The protocol's bounds of a pattern.
const (
	maxPatternBytes = 1024
	maxPatternStars = 5
)

// compile reads a pattern; false if it is none. A backslash takes the meaning from
// a wildcard or from another backslash, and must stand before one.
func compile(text string) (p pattern, ok bool) {
	if text == "" || len(text) > maxPatternBytes {
		return nil, false
	}
	stars, escaped := 0, false
	for _, r := range text {
		last := len(p) - 1
		switch {
		case escaped && r != '*' && r != '?' && r != '\\':
			return nil, false
		case escaped:
			p, escaped = append(p, r), false
		case r == '\\':
			escaped = true
		case r == '?':
			p = append(p, anyOne)
		case r == '*' && last >= 0 && (p[last] == anySegment || p[last] == anything):
			p[last] = anything
			stars++
		case r == '*':
			p = append(p, anySegment)
			stars++
		default:
			p = append(p, r)
		}
	}
	return p, !escaped && stars <= maxPatternStars
}

// matches reports whether a group's name fits, in time of no more than the length
// of the name times that of the pattern. To try out how much each star takes is
// shorter to write, but takes minutes for names that are made for it, and a client
// chooses the name while a reactor's loop waits.
//
// reach[j] says whether the first j tokens fit the part of the name seen so far.
func (p pattern) matches(group string) bool {
	var room [maxPatternBytes + 1]bool
	reach := room[:len(p)+1]
	reach[0] = true
	for j, token := range p {
		reach[j+1] = reach[j] && (token == anySegment || token == anything)
	}
	for _, r := range group {
		before := reach[0] // reach[j] as it was one character ago
		reach[0] = false
		for j, token := range p {
			was := reach[j+1]
			switch token {
			case anything:
				reach[j+1] = was || reach[j]
			case anySegment:
				reach[j+1] = was && r != '.' || reach[j]
			case anyOne:
				reach[j+1] = before && r != '.'
			default:
				reach[j+1] = before && r == token
			}
			before = was
		}
	}
	return reach[len(p)]
}
