package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// seeds are frames from which a fuzzer finds the others.
var seeds = []string{
	`{"type":"joinGroup","group":"g","ackId":1}`,
	`{"type":"joinGroup","group":"g","since":"1790000000000-0","history":10,"gaps":true}`,
	`{"type":"leaveGroup","group":"g","ackId":2}`,
	`{"type":"sendToGroup","group":"g","ackId":3,"noEcho":true,"dataType":"json","data":{"a":[1,null]},"metadata":{"k":"v"}}`,
	`{"type":"sendToGroup","group":"g","dataType":"binary","data":"AP\/+"}`,
	`{"type":"sendToGroup","group":"g","metadata":{}}`,
	`{"type":"event","event":"name","ackId":18446744073709551615,"dataType":"text","data":"\ud83d\ude00\n"}`,
	`{"\u0074ype":"PING","x":[[[{}]]],"x":-1.5e3}`,
	` { "type" : "sequenceAck" , "sequenceId" : 17 } `,
	`{"type":"ping","a":"\ud800"}`, `{"type":"ping"}{}`, `{"type":"ping","type":"ping"}`, `[]`, `{"type":null,"data":null}`,
}

// FuzzDecode holds Decode against encoding/json: it accepts only what that accepts
// and reads the same members, and it calls nothing bad JSON that is good.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := bytes.Clone(frame)
		var r Request
		err := new(Decoder).Decode(frame, &r)
		if !bytes.Equal(frame, before) {
			t.Fatalf("the frame was changed to %q", frame)
		}
		var m map[string]json.RawMessage
		standard := json.Unmarshal(frame, &m)
		switch {
		case err == nil && (standard != nil || m == nil || !utf8.Valid(frame)):
			t.Fatalf("accepted, and encoding/json says %v", standard)
		case err == nil:
			compare(t, &r, m)
			again(t, &r)
		case len(err.Error()) > 123:
			t.Fatalf("%d bytes do not fit a close frame: %v", len(err.Error()), err)
		case errors.Is(err, FaultJSON) && standard == nil && m != nil && utf8.Valid(frame) && !bytes.Contains(frame, []byte(`\u`)):
			t.Fatalf("encoding/json accepts it, and Decode says %v", err)
		}
	})
}

// compare checks a request against the members that encoding/json found.
func compare(t *testing.T, r *Request, m map[string]json.RawMessage) {
	text := func(name string) string {
		var s string
		if err := json.Unmarshal(m[name], &s); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return s
	}
	if !strings.EqualFold(text("type"), r.Kind.String()) {
		t.Fatalf("%s was read as %v", m["type"], r.Kind)
	}
	if id, ok := m["ackId"]; ok && string(id) != "null" && (!r.HasAckID || string(id) != strconv.FormatUint(r.AckID, 10)) || !ok && r.HasAckID {
		t.Fatalf("ackId %s was read as %d, %v", id, r.AckID, r.HasAckID)
	}
	if r.Kind == JoinGroup || r.Kind == LeaveGroup || r.Kind == SendToGroup {
		if text("group") != r.Group {
			t.Fatalf("group %s was read as %q", m["group"], r.Group)
		}
	}
	if r.Kind == Event && text("event") != r.Event {
		t.Fatalf("event %s was read as %q", m["event"], r.Event)
	}
	if r.NoEcho && string(m["noEcho"]) != "true" {
		t.Fatalf("noEcho %s was read as true", m["noEcho"])
	}
	if r.Kind == SendToGroup || r.Kind == Event {
		comparePayload(t, r, m, text)
	}
}

func comparePayload(t *testing.T, r *Request, m map[string]json.RawMessage, text func(string) string) {
	if r.Metadata != nil {
		var pairs map[string]string
		if err := json.Unmarshal(r.Metadata, &pairs); err != nil || !bytes.Equal(r.Metadata, m["metadata"]) {
			t.Fatalf("metadata %s was read as %s, %v", m["metadata"], r.Metadata, err)
		}
	}
	want := []byte(m["data"])
	switch {
	case m["data"] == nil && r.Metadata != nil:
	case r.Type == Text:
		want = []byte(text("data"))
	case r.Type == Binary:
		var err error
		if want, err = base64.StdEncoding.DecodeString(text("data")); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(r.Data, want) {
		t.Fatalf("data %s was read as %q, want %q", m["data"], r.Data, want)
	}
}

// again checks that what was read can be written and read again.
func again(t *testing.T, r *Request) {
	var second Request
	frame := appendRequest(nil, r)
	if err := new(Decoder).Decode(frame, &second); err != nil || !reflect.DeepEqual(*r, second) {
		t.Fatalf("%+v was written as %s, and read as %+v, %v", r, frame, second, err)
	}
}

// FuzzMessage: whatever is said, the frame is JSON in UTF-8, and encoding/json reads
// in it what was said.
func FuzzMessage(f *testing.F) {
	f.Add("lobby", "ann", "hello\n\"\xff", true)
	f.Add("", "\u2028", "\x00", false)
	f.Fuzz(func(t *testing.T, group, user, data string, binary bool) {
		m := Message{From: "group", Group: group, FromUser: user, Type: Text, Data: []byte(data)}
		if binary {
			m.Type = Binary
		}
		frame := AppendMessage(nil, m)
		var standard struct{ Group, FromUserID, Data string }
		if err := json.Unmarshal(frame, &standard); err != nil || !utf8.Valid(frame) {
			t.Fatalf("%q: %v", frame, err)
		}
		said, err := standard.Data, error(nil)
		if binary {
			var b []byte
			b, err = base64.StdEncoding.DecodeString(said)
			said = string(b)
		}
		if err != nil || (binary || utf8.ValidString(data)) && said != data {
			t.Fatalf("%q: %q was said, %q was read, %v", frame, data, said, err)
		}
		if utf8.ValidString(group) && utf8.ValidString(user) && (standard.Group != group || standard.FromUserID != user) {
			t.Fatalf("%q: not group %q and user %q", frame, group, user)
		}
	})
}
