package auth

import (
	"fmt"
	"slices"
)

// Groups is a set of groups that patterns name, each as in a role. The zero value has
// none. Immutable.
type Groups struct{ patterns []pattern }

// ParseGroups reads patterns.
func ParseGroups(texts []string) (g Groups, err error) {
	for _, text := range texts {
		p, ok := compile(text)
		if !ok {
			return Groups{}, fmt.Errorf("auth: %q is no pattern of group names: * and ? stand for characters but dots, ** for any, at most %d stars, and a backslash only before one of these or itself", text, maxPatternStars)
		}
		g.patterns = append(g.patterns, p)
	}
	return g, nil
}

// Empty reports whether there are none.
func (g Groups) Empty() bool { return len(g.patterns) == 0 }

// Has reports whether a group is among them. It never waits.
func (g Groups) Has(group string) bool {
	return slices.ContainsFunc(g.patterns, func(p pattern) bool { return p.matches(group) })
}
