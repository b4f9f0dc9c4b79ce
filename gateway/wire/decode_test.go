package wire

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestDecode: every client frame of the protocol, as clients write it and as they
// might.
func TestDecode(t *testing.T) {
	f := func(frame string, want Request) {
		t.Helper()
		got := Request{Kind: 99, Group: "left over", NoEcho: true, Data: []byte("left over")}
		if err := new(Decoder).Decode([]byte(frame), &got); err != nil {
			t.Errorf("%s: %v", frame, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", frame, got, want)
		}
	}
	acked := func(id uint64, r Request) Request {
		r.AckID, r.HasAckID = id, true
		return r
	}
	send := func(t DataType, data string) Request {
		return Request{Kind: SendToGroup, Group: "g", Type: t, Data: []byte(data)}
	}
	f(`{"type":"joinGroup","group":"g","ackId":1}`, acked(1, Request{Kind: JoinGroup, Group: "g"}))
	f(`{"type":"leaveGroup","group":"g","ackId":2}`, acked(2, Request{Kind: LeaveGroup, Group: "g"}))
	f(`{"type":"joinGroup","group":"g"}`, Request{Kind: JoinGroup, Group: "g"})
	f(`{"type":"joinGroup","group":"g","since":"17-0"}`, Request{Kind: JoinGroup, Group: "g", Since: []byte("17-0")})
	f(`{"type":"joinGroup","group":"g","since":"","history":0}`, Request{Kind: JoinGroup, Group: "g", Since: []byte{}, HasHistory: true})
	f(`{"gaps":true,"history":20,"group":"g","type":"joinGroup"}`, Request{Kind: JoinGroup, Group: "g", History: 20, HasHistory: true, Gaps: true})
	f(`{"type":"joinGroup","group":"g","since":null,"history":null,"gaps":null}`, Request{Kind: JoinGroup, Group: "g"})
	f(`{"type":"leaveGroup","group":"g","since":1,"history":"x","gaps":1}`, Request{Kind: LeaveGroup, Group: "g"})
	f(`{"type":"ping"}`, Request{Kind: Ping})
	f(`{"type":"sequenceAck","sequenceId":17}`, Request{Kind: SequenceAck, SequenceID: 17})
	f(`{"type":"sendToGroup","group":"g","ackId":3,"noEcho":true,"dataType":"json","data":{"a":[1,null]},"metadata":{"k":"v"}}`,
		acked(3, Request{Kind: SendToGroup, Group: "g", NoEcho: true, Type: JSON, Data: []byte(`{"a":[1,null]}`), Metadata: []byte(`{"k":"v"}`)}))
	f(`{"type":"event","event":"Name_1.x-y","ackId":4,"dataType":"text","data":"hi"}`,
		acked(4, Request{Kind: Event, Event: "Name_1.x-y", Type: Text, Data: []byte("hi")}))

	f(`{"type":"sendToGroup","group":"g","data":1}`, send(JSON, `1`))
	f(`{"type":"sendToGroup","group":"g","data":"a\"b"}`, send(JSON, `"a\"b"`))
	f(`{"type":"sendToGroup","group":"g","data": [ 1 , 2 ] }`, send(JSON, `[ 1 , 2 ]`))
	f(`{"type":"sendToGroup","group":"g","data":{"a":1,"a":2}}`, send(JSON, `{"a":1,"a":2}`))
	f(`{"type":"sendToGroup","group":"g","dataType":"text","data":""}`, send(Text, ""))
	f(`{"type":"sendToGroup","group":"g","dataType":"text","data":"a\n\u00e9\ud83d\ude00\/"}`, send(Text, "a\né😀/"))
	f(`{"type":"sendToGroup","group":"g","dataType":"text","data":"null"}`, send(Text, "null"))
	f(`{"type":"sendToGroup","group":"g","dataType":"binary","data":"AP\/+"}`, send(Binary, "\x00\xff\xfe"))
	f(`{"type":"sendToGroup","group":"g","dataType":"binary","data":""}`, send(Binary, ""))
	f(`{"type":"sendToGroup","group":"g","dataType":null,"ackId":null,"noEcho":null,"metadata":null,"data":0}`, send(JSON, "0"))
	f(`{"type":"sendToGroup","group":"g","noEcho":false,"data":0}`, send(JSON, "0"))
	f(`{"type":"sendToGroup","group":"g","metadata":{}}`,
		Request{Kind: SendToGroup, Group: "g", Type: Text, Data: []byte{}, Metadata: []byte(`{}`)})

	f("\t{ \"type\" :\r\n\"PING\" } \n", Request{Kind: Ping})
	f(`{"data":1,"group":"g","type":"SENDtogroup","dataType":"JSON"}`, send(JSON, `1`))
	f(`{"\u0074ype":"p\u0069ng"}`, Request{Kind: Ping})
	f(`{"type":"ping","ackId":18446744073709551615}`, acked(math.MaxUint64, Request{Kind: Ping}))
	f(`{"type":"ping","ackId":0}`, acked(0, Request{Kind: Ping}))
	f(`{"type":"ping","group":5,"data":null,"Type":"x","":{},"other":[[]],"other":1}`, Request{Kind: Ping})
	f(`{"type":"joinGroup","group":"caf\u00e9 \u2028"}`, Request{Kind: JoinGroup, Group: "café \u2028"})
	f(`{"type":"joinGroup","group":""}`, Request{Kind: JoinGroup}) // an ack's business, as all names of groups
}

// refused returns a check that a frame is refused for one reason, in words that
// fit a close frame.
func refused(t *testing.T) func(frame string, want Fault) {
	return func(frame string, want Fault) {
		t.Helper()
		var r Request
		err := new(Decoder).Decode([]byte(frame), &r)
		if !errors.Is(err, want) {
			t.Errorf("%.200s: %v, want: %v", frame, err, want)
			return
		}
		if text := err.Error(); len(text) > 123 || !utf8.ValidString(text) {
			t.Errorf("%.200s: %d bytes do not fit a close frame: %s", frame, len(text), text)
		}
	}
}

// TestNotJSON: whatever is not exactly one JSON object in UTF-8.
func TestNotJSON(t *testing.T) {
	f := refused(t)
	long := strings.Repeat("x", 5000)
	for _, frame := range []string{
		``, ` `, `null`, `1`, `"ping"`, `[]`, `[{"type":"ping"}]`, `hello`, `{`, `}`, `{}}`,
		`{"type":"ping"`, `{"type":"ping"}{"type":"ping"}`, `{"type":"ping"} x`, `{"type":"ping"},`,
		"{\"type\":\"ping\"}\x00", "\ufeff{\"type\":\"ping\"}", `{'type':'ping'}`, `{type:"ping"}`,
		`{"type":"ping",}`, `{"type" "ping"}`, `{"type":"ping" "a":1}`, `{,"type":"ping"}`, `{"type":}`,
		`{"type":"ping","a":01}`, `{"type":"ping","a":+1}`, `{"type":"ping","a":.5}`, `{"type":"ping","a":NaN}`,
		`{"type":"ping","a":True}`, `{"type":"ping","a":"\x41"}`, `{"type":"ping","a":"\u12g4"}`, `{"type":"ping"}//`,
		"{\"type\":\"ping\",\"a\":\"\x01\"}", "{\"type\":\"ping\",\"a\":\"\n\"}", `{"type":"ping","a":[1,]}`, `{"type":"ping","a":{"b"}}`,
		"{\"type\":\"ping\xff\"}", "{\"\xff\":1,\"type\":\"ping\"}", "{\"type\":\"ping\",\"a\":\"\xed\xa0\x80\"}",
		`{"type":"ping","a":"\ud800"}`, `{"type":"ping","a":"\udc00\ud800"}`,
		`{"type":"ping","a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
		strings.Repeat(" ", 70<<10), `"` + long, long,
	} {
		f(frame, FaultJSON)
	}
	var r Request
	if err := new(Decoder).Decode([]byte(`{"type":"ping",}`), &r); err == nil || !strings.Contains(err.Error(), "from byte 14 on") {
		t.Errorf("%v, want the place where it stops to be JSON", err)
	}
}

// TestDecodeRefused: each thing that is JSON and no request.
func TestDecodeRefused(t *testing.T) {
	f := refused(t)
	long := strings.Repeat("x", 5000)
	f(`{"type":"ping","type":"ping"}`, FaultTwice)
	f(`{"type":"sendToGroup","group":"g","data":1,"d\u0061ta":2}`, FaultTwice)
	f(`{"type":"sendToGroup","group":"g","ackId":null,"ackId":2,"data":1}`, FaultTwice)
	for _, frame := range []string{`{}`, `{"type":null}`, `{"type":1}`, `{"type":""}`, `{"type":"dance"}`, `{"type":"unknown"}`, `{"Type":"ping"}`, `{"type":"ſendToGroup"}`, `{"type":"ping "}`, `{"type":"` + long + `"}`} {
		f(frame, FaultType)
	}
	for _, id := range []string{`"1"`, `-1`, `-0`, `1.0`, `1e3`, `18446744073709551616`, `true`, `[]`, `{}`, strings.Repeat("9", 5000)} {
		f(`{"type":"joinGroup","group":"g","ackId":`+id+`}`, FaultAckID)
		f(`{"type":"sequenceAck","sequenceId":`+id+`}`, FaultSequence)
	}
	f(`{"type":"sequenceAck"}`, FaultSequence)
	f(`{"type":"sequenceAck","sequenceId":null}`, FaultSequence)
	f(`{"type":"joinGroup"}`, FaultGroup)
	f(`{"type":"leaveGroup","group":null}`, FaultGroup)
	f(`{"type":"sendToGroup","group":1,"data":1}`, FaultGroup)
	for _, name := range []string{`null`, `1`, `""`, `"1a"`, `"_a"`, `".a"`, `"a b"`, `"é"`, `"aé"`, `"` + strings.Repeat("a", 129) + `"`} {
		f(`{"type":"event","event":`+name+`,"data":1}`, FaultEvent)
	}
	f(`{"type":"event","data":1}`, FaultEvent)
	f(`{"type":"sendToGroup","group":"g","noEcho":"true","data":1}`, FaultNoEcho)
	f(`{"type":"sendToGroup","group":"g","noEcho":1,"data":1}`, FaultNoEcho)
	for _, value := range []string{`1`, `true`, `[]`, `{}`} {
		f(`{"type":"joinGroup","group":"g","since":`+value+`}`, FaultSince)
	}
	for _, value := range []string{`"1"`, `-1`, `1.5`, `true`} {
		f(`{"type":"joinGroup","group":"g","history":`+value+`}`, FaultHistory)
		f(`{"type":"joinGroup","group":"g","gaps":`+strings.Replace(value, "true", "{}", 1)+`}`, FaultGaps)
	}
	f(`{"type":"joinGroup","group":"g","since":"1-0","since":"1-0"}`, FaultTwice)
	for _, name := range []string{`"protobuf"`, `""`, `1`, `"json "`} {
		f(`{"type":"event","event":"e","dataType":`+name+`,"data":"x"}`, FaultDataType)
	}
	f(`{"type":"sendToGroup","group":"g"}`, FaultNoData)
	f(`{"type":"sendToGroup","group":"g","metadata":null}`, FaultNoData)
	f(`{"type":"event","event":"e","dataType":"text"}`, FaultNoData)
	f(`{"type":"sendToGroup","group":"g","data":null}`, FaultNullData)
	f(`{"type":"sendToGroup","group":"g","data":null,"metadata":{}}`, FaultNullData)
	f(`{"type":"sendToGroup","group":"g","dataType":"text","data":1}`, FaultTextData)
	f(`{"type":"sendToGroup","group":"g","dataType":"text","data":["x"]}`, FaultTextData)
	for _, data := range []string{`1`, `{}`, `"AA"`, `"AA="`, `"A==="`, `"AA==x"`, `"AA_-"`, `"ä"`} {
		f(`{"type":"sendToGroup","group":"g","dataType":"binary","data":`+data+`}`, FaultBase64)
	}
}

// TestMetadata: the limits of the protocol, to the byte.
func TestMetadata(t *testing.T) {
	f := func(metadata string, want error) {
		t.Helper()
		var r Request
		err := new(Decoder).Decode([]byte(`{"type":"sendToGroup","group":"g","data":1,"metadata":`+metadata+`}`), &r)
		if !errors.Is(err, want) {
			t.Errorf("%.200s: %v, want: %v", metadata, err, want)
		} else if err == nil && string(r.Metadata) != metadata {
			t.Errorf("%.200s: got %.200s", metadata, r.Metadata)
		}
	}
	pair := func(key, value int) string {
		return fmt.Sprintf(`"%s":"%s"`, strings.Repeat("k", key), strings.Repeat("v", value))
	}
	full := make([]string, 8)
	for i := range full {
		full[i] = fmt.Sprintf(`"%d%s":"%s"`, i, strings.Repeat("k", 9), strings.Repeat("v", 1014))
	}
	f(`{}`, nil)
	f(`{"aZ09!#$%&'*+-.^_`+"`"+`|~":"", "b" : " ~\t\u007f" }`, nil)
	f(`{`+pair(256, 1024)+`}`, nil)
	f(`{`+strings.Join(full, ",")+`}`, nil)
	f(`{`+strings.Join(full, ",")+`,"a":""}`, FaultMetaTotal)
	f(`{`+pair(257, 1)+`}`, FaultMetaKey)
	f(`{`+pair(1, 1025)+`}`, FaultMetaValue)
	f(`{"":"x"}`, FaultMetaKey)
	f(`{"a b":"x"}`, FaultMetaKey)
	f(`{"a:b":"x"}`, FaultMetaKey)
	f(`{"é":"x"}`, FaultMetaKey)
	f(`{"a":"é"}`, FaultMetaValue)
	f(`{"a":"\u00e9"}`, FaultMetaValue)
	f(`{"a":1}`, FaultMetadata)
	f(`{"a":null}`, FaultMetadata)
	f(`{"a":"1","a":"2"}`, FaultMetadata)
	f(`{"a":"1","\u0061":"2"}`, FaultMetadata)
	f(`[]`, FaultMetadata)
	f(`"x"`, FaultMetadata)
}

// TestDecodeAliases: a payload is not copied when it need not be, and the frame is
// never written to.
func TestDecodeAliases(t *testing.T) {
	f := func(data, dataType string, aliases bool) {
		t.Helper()
		frame := []byte(`{"type":"sendToGroup","group":"g","dataType":"` + dataType + `","data":` + data + `}`)
		before := string(frame)
		var r Request
		if err := new(Decoder).Decode(frame, &r); err != nil {
			t.Fatal(err)
		}
		if string(frame) != before {
			t.Errorf("%s: the frame was changed to %s", before, frame)
		}
		payload, group := string(r.Data), r.Group
		for i := range frame {
			frame[i] = '#'
		}
		if changed := string(r.Data) != payload; changed != aliases {
			t.Errorf("%s: points into the frame: %v, want %v", before, changed, aliases)
		}
		if r.Group != group {
			t.Errorf("%s: the name of the group points into the frame", before)
		}
		if cap(r.Data) > len(r.Data) && aliases {
			t.Errorf("%s: appending to the payload would write into the frame", before)
		}
	}
	f(`"plain"`, "text", true)
	f(`"esc\naped"`, "text", false)
	f(`{"a":"\n"}`, "json", true)
	f(`"AAAA"`, "binary", false)
}

func TestCheckGroup(t *testing.T) {
	f := func(name string, limit int, want string) {
		t.Helper()
		err := CheckGroup(name, limit)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", name, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "group")):
			t.Errorf("%q: %v, want %q in it", name, err, want)
		}
	}
	f("g", 1024, "")
	f("a.b ", 1024, "")
	f(strings.Repeat("é", 512), 1024, "")
	f(strings.Repeat("é", 512)+"x", 1024, "at most 1024 bytes; this one has 1025")
	f("abc", 2, "at most 2 bytes")
	f("", 1024, "white space")
	f(" \t\u00a0\u2003", 1024, "white space")
	f(".all", 1024, "dot")
	f("a\xff", 1024, "UTF-8")
}

func TestKindNames(t *testing.T) {
	for k := JoinGroup; k <= SequenceAck; k++ {
		if got := kindOf([]byte(`"` + k.String() + `"`)); got != k {
			t.Errorf("%v is read as %v", k, got)
		}
	}
	if Unknown.String() != "unknown" || Kind(200).String() != "unknown" {
		t.Errorf("%v, %v", Unknown, Kind(200))
	}
}
