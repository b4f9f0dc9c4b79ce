package redisstream

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
	"github.com/tidegate/tidegate/broker"
)

// The fields of a stream's entries. Only data is needed; unknown ones are ignored,
// so that whoever adds entries by hand may add his own. An entry with fieldLost in
// data's stead is a mark.
const (
	fieldData = "data"
	fieldType = "type" // json if there is none
	fieldUser = "user"
	fieldConn = "conn" // the connection that does not get it
	fieldID   = "id"
	fieldMeta = "meta"
)

// encode appends a message's fields.
func encode(m *broker.Message) []any {
	if m.Lost {
		return hereValues
	}
	values := make([]any, 0, 12)
	values = append(values, fieldData, m.Data)
	if m.Type != "" && m.Type != broker.JSON {
		values = append(values, fieldType, string(m.Type))
	}
	for _, f := range []struct{ name, value string }{{fieldUser, m.User}, {fieldConn, m.Exclude}, {fieldID, m.ID}, {fieldMeta, m.Meta}} {
		if f.value != "" {
			values = append(values, f.name, f.value)
		}
	}
	return values
}

// decode is the message of an entry, or nil for one that is not fit to be sent:
// anyone who reaches Redis can add entries, and one bad one must not end the
// connections that get it. at is the entry's id.
func (b *Broker) decode(g broker.Group, at broker.Position, e redis.XMessage) *broker.Message {
	if isMark(e) {
		return &broker.Message{Group: g, Position: at, Lost: true}
	}
	data, ok := e.Values[fieldData].(string)
	if !ok {
		b.skip(g, e.ID, "no_data", "it has no field data")
		return nil
	}
	text := func(name string) string { s, _ := e.Values[name].(string); return s }
	m := &broker.Message{
		Group: g, Position: at, Data: []byte(data), Type: broker.DataType(text(fieldType)),
		User: text(fieldUser), Exclude: text(fieldConn), ID: text(fieldID), Meta: text(fieldMeta),
	}
	if m.Type == "" {
		m.Type = broker.JSON
	}
	if problem := check(m); problem != "" {
		b.skip(g, e.ID, "bad_data", problem)
		return nil
	}
	return m
}

// check says what is wrong with a message; empty if nothing.
func check(m *broker.Message) string {
	switch {
	case m.Type == broker.Binary:
	case m.Type != broker.JSON && m.Type != broker.Text:
		return "its type is none of json, text, binary"
	case !utf8.Valid(m.Data):
		return "its data is not UTF-8, and its type is not binary"
	case m.Type == broker.JSON && !json.Valid(m.Data):
		return "its data is not JSON, and it has no type text or binary"
	}
	if m.Meta != "" && !isObject(m.Meta) {
		return "its meta is not a JSON object in UTF-8"
	}
	return ""
}

// isObject reports whether a text may be a member of a frame as it is: package json takes
// bytes in strings that are no UTF-8, and a client would close for them.
func isObject(text string) bool {
	return strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") && utf8.ValidString(text) && json.Valid([]byte(text))
}

// skip counts an entry that is passed over, and logs it: one line, since whoever
// wrote it would otherwise look for it for long. The rate is the publisher's; a
// flood of bad entries is his fault and his Redis's.
func (b *Broker) skip(g broker.Group, id, reason, problem string) {
	if reason == "no_data" {
		b.counts.skippedNoData.Inc()
	} else {
		b.counts.skippedBadData.Inc()
	}
	b.config.Log.Warn("an entry of a stream was skipped", "key", b.key(g), "id", id, "problem", problem)
}
