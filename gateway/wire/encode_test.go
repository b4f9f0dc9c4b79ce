package wire

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestEncode: every server frame of the protocol, byte for byte.
func TestEncode(t *testing.T) {
	f := func(got []byte, want string) {
		t.Helper()
		if string(got) != "before"+want {
			t.Errorf("\ngot  %s\nwant before%s", got, want)
		}
		if !json.Valid(got[len("before"):]) {
			t.Errorf("not JSON: %s", got)
		}
	}
	dst := []byte("before")
	f(AppendConnected(dst, "c1", "ann", ""), `{"type":"system","event":"connected","userId":"ann","connectionId":"c1"}`)
	f(AppendConnected(dst, "c1", "", ""), `{"type":"system","event":"connected","connectionId":"c1"}`)
	f(AppendDisconnected(dst, `the "node" stops`, 0), `{"type":"system","event":"disconnected","message":"the \"node\" stops"}`)
	f(AppendDisconnected(dst, "bye", 2500*time.Millisecond), `{"type":"system","event":"disconnected","message":"bye","reconnectAfterMs":2500}`)
	f(append(dst, Pong...), `{"type":"pong"}`)

	f(AppendAck(dst, Ack{ID: 1}), `{"type":"ack","ackId":1,"success":true}`)
	f(AppendAck(dst, Ack{ID: math.MaxUint64, Position: "17-0"}), `{"type":"ack","ackId":18446744073709551615,"success":true,"position":"17-0"}`)
	f(AppendAck(dst, Ack{ID: 1, Position: "17-0", Recovered: Recovered}), `{"type":"ack","ackId":1,"success":true,"position":"17-0","recovered":true}`)
	f(AppendAck(dst, Ack{ID: 1, Position: "17-0", Recovered: NotRecovered}), `{"type":"ack","ackId":1,"success":true,"position":"17-0","recovered":false}`)
	f(AppendGap(dst, "g\n", "17-0"), `{"type":"system","event":"gap","group":"g\n","position":"17-0"}`)
	f(AppendAck(dst, Ack{ID: 2, Error: Forbidden, Text: "not\nyou"}),
		`{"type":"ack","ackId":2,"success":false,"error":{"name":"Forbidden","message":"not\nyou"}}`)

	f(AppendMessage(dst, Message{From: "group", Group: "g", Type: JSON, Data: []byte(`{"a": 1}`), FromUser: "u", Position: []byte("17-0"), Metadata: `{"k":"v"}`}),
		`{"type":"message","from":"group","group":"g","dataType":"json","data":{"a": 1},"fromUserId":"u","position":"17-0","metadata":{"k":"v"}}`)
	f(AppendMessage(dst, Message{From: "group", Group: "g", Data: []byte(`1`), Position: []byte("17-0"), Gap: true}),
		`{"type":"message","from":"group","group":"g","dataType":"json","data":1,"position":"17-0","gap":true}`)
	f(AppendMessage(dst, Message{From: "group", Group: "g", Data: []byte(`1`)}),
		`{"type":"message","from":"group","group":"g","dataType":"json","data":1}`)
	f(AppendMessage(dst, Message{From: "server", Type: Text, Data: []byte("hi")}),
		`{"type":"message","from":"server","dataType":"text","data":"hi"}`)
	f(AppendMessage(dst, Message{From: "server", Type: Binary, Data: []byte{0, 0xff, 0xfe}}),
		`{"type":"message","from":"server","dataType":"binary","data":"AP/+"}`)
	f(AppendMessage(dst, Message{From: "server", Type: Binary}),
		`{"type":"message","from":"server","dataType":"binary","data":""}`)
}

// TestEscapes: what needs an escape has one, what does not is left alone, and
// bytes that are no UTF-8 do not reach the client.
func TestEscapes(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		got := AppendMessage(nil, Message{From: "server", Type: Text, Data: []byte(text)})
		if whole := `{"type":"message","from":"server","dataType":"text","data":` + want + `}`; string(got) != whole {
			t.Errorf("%q:\ngot  %s\nwant %s", text, got, whole)
		}
		if got := AppendDisconnected(nil, text, 0); string(got) != `{"type":"system","event":"disconnected","message":`+want+`}` {
			t.Errorf("%q as a string: %s", text, got)
		}
	}
	f(`"\/`, `"\"\\/"`)
	f("\x00\b\t\n\f\r\x1f\x7f", `"\u0000\b\t\n\f\r\u001f`+"\x7f\"")
	f("<&>\u2028\u2029é😀", "\"<&>\u2028\u2029é😀\"")
	f("a\xffb\xed\xa0\x80", "\"a\ufffdb\ufffd\ufffd\ufffd\"")
	f("\ufffd", "\"\ufffd\"")
}

// TestEncodeAgainstStandard: what encoding/json reads of a message is what was put
// into it, whatever the strings.
func TestEncodeAgainstStandard(t *testing.T) {
	for _, s := range []string{"plain", `"`, `\`, "\x00\x01\x1f", "é\u2028😀", strings.Repeat("x\n", 500), `{"a":1}`} {
		frame := AppendMessage(nil, Message{From: "group", Group: s, Type: Text, Data: []byte(s), FromUser: s})
		var got struct{ Type, From, Group, DataType, Data, FromUserID string }
		if err := json.Unmarshal(frame, &got); err != nil {
			t.Fatalf("%q: %v in %s", s, err, frame)
		}
		if got.Group != s || got.Data != s || got.FromUserID != s {
			t.Errorf("%q: got %+v", s, got)
		}
		var binary struct{ Data []byte }
		frame = AppendMessage(nil, Message{From: "server", Type: Binary, Data: []byte(s)})
		if err := json.Unmarshal(frame, &binary); err != nil || string(binary.Data) != s {
			t.Errorf("%q: got %q, %v", s, binary.Data, err)
		}
	}
}

// TestRequestRoundTrip: appendRequest writes what Decode reads.
func TestRequestRoundTrip(t *testing.T) {
	f := func(r Request, want string) {
		t.Helper()
		frame := appendRequest([]byte("x"), &r)[1:]
		if string(frame) != want {
			t.Errorf("\ngot  %s\nwant %s", frame, want)
		}
		var got Request
		if err := new(Decoder).Decode(frame, &got); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: got %+v, %v; want %+v", frame, got, err, r)
		}
	}
	f(Request{Kind: JoinGroup, Group: "a\"b", AckID: 7, HasAckID: true}, `{"type":"joinGroup","ackId":7,"group":"a\"b"}`)
	f(Request{Kind: JoinGroup, Group: "g", Since: []byte("17-0"), History: 3, HasHistory: true, Gaps: true},
		`{"type":"joinGroup","group":"g","since":"17-0","history":3,"gaps":true}`)
	f(Request{Kind: LeaveGroup, Group: "g"}, `{"type":"leaveGroup","group":"g"}`)
	f(Request{Kind: Ping}, `{"type":"ping"}`)
	f(Request{Kind: SequenceAck, SequenceID: math.MaxUint64}, `{"type":"sequenceAck","sequenceId":18446744073709551615}`)
	f(Request{Kind: SendToGroup, Group: "g", NoEcho: true, Type: JSON, Data: []byte(`[1]`), Metadata: []byte(`{"k":"v"}`)},
		`{"type":"sendToGroup","group":"g","noEcho":true,"dataType":"json","data":[1],"metadata":{"k":"v"}}`)
	f(Request{Kind: SendToGroup, Group: "g", Type: Binary, Data: []byte{1, 2}}, `{"type":"sendToGroup","group":"g","dataType":"binary","data":"AQI="}`)
	f(Request{Kind: Event, Event: "e", AckID: 0, HasAckID: true, Type: Text, Data: []byte("a\nb")},
		`{"type":"event","ackId":0,"event":"e","dataType":"text","data":"a\nb"}`)
}
