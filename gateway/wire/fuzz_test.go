package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
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
	`{"type":"joinGroup","group":"\u0067\u0000","presence":true,"since":null,"history":18446744073709551616}`,
	`{"type":"joinGroup","group":"g","group":"h"}`, `{"type":"joinGroup","group":"g","\u0067roup":"h"}`, `{"type":"ping","x":1,"x":2}`,
	`{"type":"joinGroup","group":"g","ackId":-0,"gaps":false,"presence":1}`, `{"type":"ping","ackId":1.0}`, `{"type":"ping","ackId":1e3}`,
	`{"type":"ping","a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}",
	`{"type":"ping","a":` + strings.Repeat(`{"a":`, 9_998) + "1" + strings.Repeat("}", 9_999),
	"{\"type\":\"ping\",\"a\":\"\xff\"}", "{\"type\":\"pin\u212a\"}", "{\"type\":\"\u017fequenceAck\",\"sequenceId\":1}", "\ufeff{\"type\":\"ping\"}",
	`{"type":"sendToGroup","group":"g","data":"x","metadata":{"a":"\u0041","b":"","a":"x"}}`,
	`{"type":"sendToGroup","group":"g","data":"x","dataType":"TEXT","metadata":{"\u0061-b":"\n"}}`,
	`{"type":"event","event":"a.b-c_1","dataType":"binary","data":"AA=="}`, `{"type":"event","event":"1","data":1}`,
	`{"type":"ping","a":"\ud800"}`, `{"type":"ping","a":"\udc00\ud800"}`, `{"type":"ping","a":"\\ud800"}`, `{"type":"ping"}{}`, `{"type":"ping","type":"ping"}`, `[]`, `{"type":null,"data":null}`,
}

// FuzzDecode holds Decode against a reading with encoding/json, member by member: what is
// accepted, what is read of it, and what is found wrong. What a decoder has read before
// makes no difference.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	kept := new(Decoder)
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := bytes.Clone(frame)
		var r, second Request
		err := new(Decoder).Decode(frame, &r)
		keptErr := kept.Decode(frame, &second)
		if !bytes.Equal(frame, before) {
			t.Fatalf("the frame was changed to %q", frame)
		}
		if fmt.Sprint(err) != fmt.Sprint(keptErr) || err == nil && !reflect.DeepEqual(r, second) {
			t.Fatalf("%v, %+v; a decoder that was used before: %v, %+v", err, r, keptErr, second)
		}
		want, fault := expected(frame)
		switch {
		case !slices.ContainsFunc(fault, func(f error) bool { return errors.Is(err, f) }):
			t.Fatalf("%v, want one of %v", err, fault)
		case err != nil && len(err.Error()) > 123:
			t.Fatalf("%d bytes do not fit a close frame: %v", len(err.Error()), err)
		case err == nil && (!bytes.Equal(r.Data, want.Data) || !bytes.Equal(r.Metadata, want.Metadata) || !bytes.Equal(r.Since, want.Since)):
			t.Fatalf("%+v, want %+v", r, want)
		case err == nil:
			want.Data, want.Metadata, want.Since = r.Data, r.Metadata, r.Since
			if !reflect.DeepEqual(r, want) {
				t.Fatalf("%+v, want %+v", r, want)
			}
			again(t, &r)
		}
	})
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
// in it what was said, also in the frame of a reliable client.
func FuzzMessage(f *testing.F) {
	f.Add("lobby", "ann", "hello\n\"\xff", uint8(0), `{"k":"v"}`, uint64(1))
	f.Add("", "\u2028", "\x00", uint8(1), "", uint64(0))
	f.Add("g", "", ` {"a": [1e400, "\ud800"]} `, uint8(2), "{}", uint64(1<<63))
	f.Fuzz(func(t *testing.T, group, user, data string, kind uint8, metadata string, number uint64) {
		m := Message{From: "group", Group: group, FromUser: user, Type: []DataType{Text, Binary, JSON}[kind%3], Data: []byte(data), Gap: kind > 127}
		if json.Valid([]byte(metadata)) && utf8.ValidString(metadata) {
			m.Metadata = metadata
		}
		if m.Type == JSON && !(json.Valid(m.Data) && utf8.ValidString(data)) {
			return // the caller's to see to
		}
		frame := AppendMessage([]byte("before"), m)[len("before"):]
		said(t, frame, &m, 0)
		said(t, AppendNumbered(nil, number, frame[1:]), &m, number)
	})
}

// said checks that a frame says what a message does.
func said(t *testing.T, frame []byte, m *Message, number uint64) {
	t.Helper()
	var read struct {
		SequenceID                    uint64
		Type, From, Group, FromUserID string
		DataType                      DataType
		Gap                           bool
		Data, Metadata                json.RawMessage
	}
	d := json.NewDecoder(bytes.NewReader(frame))
	d.DisallowUnknownFields()
	if err := d.Decode(&read); err != nil || !json.Valid(frame) || !utf8.Valid(frame) {
		t.Fatalf("%q: %v", frame, err)
	}
	var text string
	_ = json.Unmarshal(read.Data, &text)
	ok := string(read.Data) == string(bytes.Trim(m.Data, " \t\r\n"))
	switch m.Type {
	case Binary:
		b, err := base64.StdEncoding.DecodeString(text)
		ok = err == nil && bytes.Equal(b, m.Data)
	case Text:
		ok = text == string(m.Data) || !utf8.Valid(m.Data)
	}
	if !ok || read.DataType != m.Type {
		t.Fatalf("%q: %q was said", frame, m.Data)
	}
	if (utf8.ValidString(m.Group) && utf8.ValidString(m.FromUser) && (read.Group != m.Group || read.FromUserID != m.FromUser)) || read.Gap != m.Gap ||
		read.SequenceID != number || read.Type != "message" || read.From != m.From || string(read.Metadata) != strings.Trim(m.Metadata, " \t\r\n") {
		t.Fatalf("%q: not %+v", frame, m)
	}
}
