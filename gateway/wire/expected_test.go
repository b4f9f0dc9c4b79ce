package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// expectation reads a frame as docs/protocol.md says, with encoding/json and without
// haste: what Decode is held against.
type expectation struct {
	values map[string]json.RawMessage
	faults []error // the first counts
}

var (
	ours     = []string{"type", "group", "event", "ackId", "noEcho", "dataType", "data", "metadata", "sequenceId", "since", "history", "gaps", "presence"}
	whole    = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
	metaKey  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$")
	eventKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,127}$`)
)

// expected is the request that a frame is, or which errors there may be: the first of
// them in most cases, since an error found on the way may hide one that is further on.
func expected(frame []byte) (r Request, faults []error) {
	e := expectation{values: make(map[string]json.RawMessage)}
	twice, ok := e.collect(frame)
	switch {
	case !ok:
		return r, []error{FaultJSON, FaultTwice}
	case twice:
		return r, []error{FaultTwice}
	}
	for k, name := range kindNames {
		if text, ok := e.text("type"); ok && name != "" && asciiLower(text) == asciiLower(name) {
			r.Kind = Kind(k)
		}
	}
	if r.Kind == Unknown {
		return r, []error{FaultType}
	}
	r.AckID, r.HasAckID = e.number("ackId", FaultAckID)
	e.readKind(&r)
	if len(e.faults) > 0 {
		return r, e.faults[:1]
	}
	return r, []error{nil}
}

// collect finds the members of ours. A frame is one object in UTF-8, without half a
// surrogate pair in it and with nothing behind it.
func (e *expectation) collect(frame []byte) (twice, ok bool) {
	var object map[string]json.RawMessage
	if !utf8.Valid(frame) || json.Unmarshal(frame, &object) != nil || object == nil || halfPair(frame) {
		return false, false
	}
	d := json.NewDecoder(bytes.NewReader(frame))
	_, _ = d.Token()
	for d.More() {
		name, _ := d.Token()
		var value json.RawMessage
		_ = d.Decode(&value)
		if n := name.(string); slices.Contains(ours, n) {
			_, before := e.values[n]
			twice = twice || before
			e.values[n] = value
		}
	}
	return twice, true
}

// halfPair reports whether JSON has an escaped surrogate without its other half.
func halfPair(b []byte) bool {
	escape := func(i int) (r rune, ok bool) {
		if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' {
			return 0, false
		}
		n, err := strconv.ParseUint(string(b[i+2:i+6]), 16, 16)
		return rune(n), err == nil
	}
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		first, ok := escape(i)
		second, pair := escape(i + 6)
		switch {
		case !ok:
			i++
		case first >= 0xd800 && first < 0xdc00 && pair && second >= 0xdc00 && second < 0xe000:
			i += 11
		case first >= 0xd800 && first < 0xe000:
			return true
		}
	}
	return false
}

// readKind reads what belongs to the kind of request.
func (e *expectation) readKind(r *Request) {
	switch r.Kind {
	case JoinGroup, LeaveGroup, SendToGroup:
		r.Group = e.required("group", FaultGroup)
	}
	switch r.Kind {
	case JoinGroup:
		if !e.absent("since") {
			r.Since = []byte(e.required("since", FaultSince))
		}
		r.History, r.HasHistory = e.number("history", FaultHistory)
		r.Gaps = e.flag("gaps", FaultGaps)
		r.Presence = e.flag("presence", FaultPresence)
	case SendToGroup:
		r.NoEcho = e.flag("noEcho", FaultNoEcho)
		e.payload(r)
	case Event:
		if r.Event = e.required("event", FaultEvent); !eventKey.MatchString(r.Event) {
			e.fault(FaultEvent)
		}
		e.payload(r)
	case SequenceAck:
		var ok bool
		if r.SequenceID, ok = e.number("sequenceId", FaultSequence); !ok {
			e.fault(FaultSequence)
		}
	}
}

func (e *expectation) payload(r *Request) {
	if !e.absent("metadata") {
		r.Metadata = e.values["metadata"]
		e.metadata()
	}
	data, there := e.values["data"]
	if !there && r.Metadata != nil {
		r.Type = Text
		return
	}
	kind, isText := e.text("dataType")
	switch {
	case e.absent("dataType"):
		r.Type = JSON
	case isText && slices.Contains([]string{"json", "text", "binary"}, asciiLower(kind)):
		r.Type = DataType(asciiLower(kind))
	default:
		e.fault(FaultDataType)
	}
	text, isText := e.text("data")
	var err error
	switch {
	case !there:
		e.fault(FaultNoData)
	case string(data) == "null":
		e.fault(FaultNullData)
	case r.Type == JSON:
		r.Data = data
	case r.Type == Text && !isText:
		e.fault(FaultTextData)
	case r.Type == Text:
		r.Data = []byte(text)
	case r.Type == Binary:
		if r.Data, err = base64.StdEncoding.DecodeString(text); err != nil || !isText {
			e.fault(FaultBase64)
		}
	}
}

// metadata checks each pair in its order: the first that is wrong counts.
func (e *expectation) metadata() {
	d := json.NewDecoder(bytes.NewReader(e.values["metadata"]))
	if open, _ := d.Token(); open != json.Delim('{') {
		e.fault(FaultMetadata)
		return
	}
	seen, total := make(map[string]bool), 0
	for d.More() {
		token, _ := d.Token()
		var raw any
		_ = d.Decode(&raw)
		name := token.(string)
		value, isText := raw.(string)
		total += len(name) + len(value)
		switch {
		case seen[name], !isText:
			e.fault(FaultMetadata)
		case !metaKey.MatchString(name):
			e.fault(FaultMetaKey)
		case len(value) > 1024, strings.IndexFunc(value, func(r rune) bool { return r > 127 }) >= 0:
			e.fault(FaultMetaValue)
		case total > 8192:
			e.fault(FaultMetaTotal)
		}
		seen[name] = true
	}
}

func (e *expectation) fault(f Fault) { e.faults = append(e.faults, f) }

func (e *expectation) absent(name string) bool {
	value, there := e.values[name]
	return !there || string(value) == "null"
}

func (e *expectation) text(name string) (text string, ok bool) {
	var s *string
	if json.Unmarshal(e.values[name], &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

func (e *expectation) required(name string, otherwise Fault) string {
	text, ok := e.text(name)
	if !ok {
		e.fault(otherwise)
	}
	return text
}

func (e *expectation) flag(name string, otherwise Fault) bool {
	if value := string(e.values[name]); !e.absent(name) && value != "true" && value != "false" {
		e.fault(otherwise)
	}
	return string(e.values[name]) == "true"
}

// number is a whole one of 64 bits; false if there is none, which is no fault, or null.
func (e *expectation) number(name string, otherwise Fault) (n uint64, ok bool) {
	if e.absent(name) {
		return 0, false
	}
	value := string(e.values[name])
	all, _ := new(big.Int).SetString(value, 10)
	if !whole.MatchString(value) || !all.IsUint64() {
		e.fault(otherwise)
		return 0, false
	}
	return all.Uint64(), true
}

// asciiLower is in lower case, but for letters that are none of ASCII.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}
