package wire

import "strings"

// The bounds of a message's metadata, in bytes. They are the protocol's, and no
// setting: metadata becomes HTTP headers on its way to the application.
const (
	maxMetaKey   = 256
	maxMetaValue = 1024
	maxMetaTotal = 8 << 10
)

// metaKeyMarks are what may stand in a key beside letters and digits: with them it
// is an HTTP token (RFC 9110 section 5.6.2).
const metaKeyMarks = "!#$%&'*+-.^_`|~"

// checkMetadata checks a metadata member, which was read before and so is valid
// JSON. It is passed on as it is.
func (o *object) checkMetadata(value []byte) error {
	total := 0
	for o.open(value, unique); o.next(); {
		if !isString(o.value) {
			return FaultMetadata
		}
		text := unquote(o.value)
		total += len(o.name) + len(text)
		switch {
		case !validMetaKey(o.name):
			return FaultMetaKey
		case !validMetaValue(text):
			return FaultMetaValue
		case total > maxMetaTotal:
			return FaultMetaTotal
		}
	}
	if o.err != nil {
		return FaultMetadata
	}
	return nil
}

func validMetaKey(key []byte) bool {
	if len(key) == 0 || len(key) > maxMetaKey {
		return false
	}
	for _, c := range key {
		c := lower(c)
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte(metaKeyMarks, c) >= 0) {
			return false
		}
	}
	return true
}

// validMetaValue allows control characters, as the protocol does; whoever makes
// headers of them has to refuse or escape them.
func validMetaValue(text []byte) bool {
	if len(text) > maxMetaValue {
		return false
	}
	for _, c := range text {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
