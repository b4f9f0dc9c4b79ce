package wire

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// object reads the members of one JSON object, in the manner of bufio.Scanner:
//
//	o.open(frame)
//	for o.next() { … o.name, o.value … }
//	o.err
//
// It is strict: RFC 8259, valid UTF-8 (escaped surrogates must be pairs, too), and
// nothing but white space behind the object. It reads in place: name and value
// point into the frame unless a name has escapes.
type object struct {
	name  []byte // the member's name, without quotes and escapes
	value []byte // its value as JSON
	err   error

	frame  []byte
	large  bool         // a large frame was read, perhaps before the metadata in it
	source bytes.Buffer // jsontext parses a bytes.Buffer where it is, without a copy
	json   jsontext.Decoder
}

// largeFrame is from where on a parser lets go of what it read when it is done; smaller
// ones are overwritten soon enough.
const largeFrame = 64 << 10

// release ends the work on a frame. What was returned before stays valid: that is the
// caller's.
func (o *object) release() {
	if o.large {
		*o = object{}
	}
}

// Members that are there twice are found by whoever collects them: jsontext's own
// check keeps a table for every object in the data, which is none of our business.
// The other options leave it on, for the small objects that are.
var (
	lax    = []jsontext.Options{jsontext.AllowDuplicateNames(true)}
	unique = []jsontext.Options{jsontext.AllowDuplicateNames(false)}
)

// open begins to read frame.
func (o *object) open(frame []byte, options []jsontext.Options) {
	o.frame, o.name, o.value, o.err = frame, nil, nil, nil
	o.large = o.large || len(frame) >= largeFrame
	o.source = *bytes.NewBuffer(frame)
	o.json.Reset(&o.source, options...)
	// The kind is looked at before the token is read: to read a whole string only
	// to refuse it would be work that a hostile client gets for nothing.
	if o.json.PeekKind() != '{' {
		o.err = FaultJSON
		return
	}
	_, o.err = o.json.ReadToken()
}

// next goes to the next member. It reports false at the end of the object, or
// where err is set.
func (o *object) next() bool {
	if o.err != nil {
		return false
	}
	if o.json.PeekKind() == '}' {
		o.end()
		return false
	}
	var name jsontext.Value
	if name, o.err = o.json.ReadValue(); o.err != nil {
		return false
	}
	o.name = unquote(name)
	o.value, o.err = o.json.ReadValue()
	return o.err == nil
}

// end checks that the object is all there is.
func (o *object) end() {
	if _, o.err = o.json.ReadToken(); o.err != nil {
		return
	}
	if rest := o.frame[o.json.InputOffset():]; len(bytes.TrimLeft(rest, " \t\r\n")) > 0 {
		o.err = FaultJSON
	}
}

// unquote is the text of a JSON string that was read, so known to be valid. It is
// copied only if it has escapes.
func unquote(s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return s[1 : len(s)-1 : len(s)-1]
	}
	text, _ := jsontext.AppendUnquote(make([]byte, 0, len(s)), s)
	return text
}

// isString reports whether a value that was read is a string.
func isString(value []byte) bool { return len(value) > 0 && value[0] == '"' }

// absent reports whether a member is missing. One that is null is as good as
// missing: libraries write that for what was not set.
func absent(value []byte) bool { return value == nil || string(value) == "null" }
