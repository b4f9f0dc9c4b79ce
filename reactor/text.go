package reactor

import "unicode/utf8"

// validText reports whether b can be the beginning of UTF-8 text, and how much of
// it is whole runes; what follows them is the start of a rune that may still
// become valid. So a bad octet is found when it arrives, not when the message
// ends, and what was found whole need not be looked at again.
func validText(b []byte) (complete int, ok bool) {
	complete = len(b)
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax+1; i-- {
		if utf8.RuneStart(b[i]) {
			// FullRune is true for a start that no octet can make valid (a
			// surrogate's, say), so that one is refused below.
			if !utf8.FullRune(b[i:]) {
				complete = i
			}
			break
		}
	}
	return complete, utf8.Valid(b[:complete])
}
