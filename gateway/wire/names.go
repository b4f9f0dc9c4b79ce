package wire

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// kindNames are the types of client frames, as clients write them.
var kindNames = [...]string{
	JoinGroup:   "joinGroup",
	LeaveGroup:  "leaveGroup",
	SendToGroup: "sendToGroup",
	Event:       "event",
	Ping:        "ping",
	SequenceAck: "sequenceAck",
}

// String is the kind as clients write it.
func (k Kind) String() string {
	if k == Unknown || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// kindOf reads a type member; Unknown if it is no string or none of ours.
func kindOf(value []byte) Kind {
	if !isString(value) {
		return Unknown
	}
	text := unquote(value)
	for k := JoinGroup; int(k) < len(kindNames); k++ {
		if equalFold(text, kindNames[k]) {
			return k
		}
	}
	return Unknown
}

// dataTypeOf reads a dataType member: json if it is not there, "" if it is wrong.
func dataTypeOf(value []byte) DataType {
	if absent(value) {
		return JSON
	}
	if !isString(value) {
		return ""
	}
	text := unquote(value)
	for _, t := range [...]DataType{JSON, Text, Binary} {
		if equalFold(text, string(t)) {
			return t
		}
	}
	return ""
}

// equalFold compares without regard to the case of ASCII letters. bytes.EqualFold
// would also take the long s of old print for an s.
func equalFold(a []byte, b string) bool {
	if string(a) == b {
		return true // as nearly everybody writes it
	}
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// CheckGroup says what is wrong with a group's name that somebody gave us; limit
// is the most bytes that it may have. Names that begin with a dot are the
// gateway's own. The text is fit for the client: it does not repeat the name.
func CheckGroup(name string, limit int) error {
	switch {
	case len(name) > limit:
		return fmt.Errorf("a group's name is at most %d bytes; this one has %d", limit, len(name))
	case strings.TrimSpace(name) == "":
		return errBlankGroup
	case name[0] == '.':
		return errDotGroup
	case !utf8.ValidString(name):
		return errGarbledGroup
	}
	return nil
}

const (
	errBlankGroup   nameError = "a group's name must have a character that is not white space"
	errDotGroup     nameError = "a group's name must not begin with a dot: those are the gateway's own"
	errGarbledGroup nameError = "a group's name must be valid UTF-8"
)

// nameError is what CheckGroup finds; unlike a Fault it does not end the connection.
type nameError string

func (e nameError) Error() string { return string(e) }

// maxEvent is how many characters the name of an event may have.
const maxEvent = 128

// validEvent reports whether an event may have this name.
func validEvent(name []byte) bool {
	if len(name) == 0 || len(name) > maxEvent {
		return false
	}
	for i, c := range name {
		switch c := lower(c); {
		case 'a' <= c && c <= 'z':
		case i > 0 && ('0' <= c && c <= '9' || c == '_' || c == '.' || c == '-'):
		default:
			return false
		}
	}
	return true
}
