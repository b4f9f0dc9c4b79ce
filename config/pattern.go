package config

import "strings"

// validPattern reports whether a text is a pattern of group names, as in a token's role:
// at most 1024 bytes and five stars, a backslash only before a star, a question mark or
// another backslash. A test of the gateway compares it with what reads the patterns.
func validPattern(text string) bool {
	stars := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '*':
			stars++
		case '\\':
			if i++; i == len(text) || !strings.ContainsRune(`*?\`, rune(text[i])) {
				return false
			}
		}
	}
	return text != "" && len(text) <= 1024 && stars <= 5
}
