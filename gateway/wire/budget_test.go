package wire

import (
	"strings"
	"testing"
	"time"
)

// Frames of the sizes that are measured: what a chat says, and what a game does.
func textFrame(size int) []byte {
	return appendRequest(nil, &Request{Kind: SendToGroup, Group: "lobby", AckID: 12345, HasAckID: true,
		NoEcho: true, Type: Text, Data: []byte(strings.Repeat("x", size))})
}

func jsonData(size int) []byte {
	const item = `{"user":"ann","n":[1,2.5,-3],"ok":true,"say":"hello\n"}`
	return []byte("[" + strings.Repeat(item+",", max(size/len(item)-1, 0)) + item + "]")
}

func jsonFrame(size int) []byte {
	return appendRequest(nil, &Request{Kind: SendToGroup, Group: "lobby", AckID: 12345, HasAckID: true, Data: jsonData(size)})
}

// TestDecodeBudget: a frame costs nothing, but for the payload where it cannot be read
// in place. Names were seen before.
func TestDecodeBudget(t *testing.T) {
	var d Decoder
	f := func(frame []byte, budget float64) {
		t.Helper()
		var r Request
		got := testing.AllocsPerRun(100, func() {
			if err := d.Decode(frame, &r); err != nil {
				t.Fatal(err)
			}
		})
		if got > budget {
			t.Errorf("%.80s: %v allocations, want at most %v", frame, got, budget)
		}
	}
	f([]byte(`{"type":"ping"}`), 0)
	f([]byte(`{"type":"sequenceAck","sequenceId":17}`), 0)
	f([]byte(`{"type":"joinGroup","group":"lobby","ackId":1}`), 0)
	f([]byte(`{"type":"joinGroup","group":"lobby","ackId":1,"since":"1790000000000-0","history":10,"gaps":true}`), 0)
	f(textFrame(64), 0)
	f(textFrame(1024), 0)
	f(jsonFrame(1024), 0)
	f([]byte(`{"type":"sendToGroup","group":"lobby","data":1,"metadata":{"lang":"en","kind":"x"}}`), 0)
	f([]byte(`{"type":"sendToGroup","group":"lobby","dataType":"text","data":"a\nb"}`), 1)
	f([]byte(`{"type":"sendToGroup","group":"lobby","dataType":"binary","data":"AAAA"}`), 1)
	f([]byte(`{"type":"event","event":"typing","dataType":"text","data":"x"}`), 0)
}

// TestEncodeBudget: with room in dst nothing is allocated.
func TestEncodeBudget(t *testing.T) {
	dst := make([]byte, 0, 4096)
	f := func(what string, encode func()) {
		t.Helper()
		if got := testing.AllocsPerRun(100, encode); got != 0 {
			t.Errorf("%s: %v allocations, want none", what, got)
		}
	}
	message := Message{From: "group", Group: "lobby", FromUser: "ann", Position: []byte("1790000000000-0"), Metadata: `{"a":"b"}`, Data: []byte("\"x\n\"")}
	for _, message.Type = range []DataType{JSON, Text, Binary} {
		f("message of "+string(message.Type), func() { AppendMessage(dst, message) })
	}
	f("ack", func() { AppendAck(dst, Ack{ID: 1, Position: "1790000000000-0"}) })
	f("refusal", func() { AppendAck(dst, Ack{ID: 1, Error: Forbidden, Text: "no"}) })
	f("connected", func() { AppendConnected(dst, "c", "u", "") })
	f("disconnected", func() { AppendDisconnected(dst, "why", time.Second) })
	request := Request{Kind: SendToGroup, Group: "lobby", Type: Text, Data: []byte("x")}
	f("request", func() { appendRequest(dst, &request) })
}

func BenchmarkDecode(b *testing.B) {
	for name, frame := range map[string][]byte{
		"ping": []byte(`{"type":"ping"}`), "text64": textFrame(64), "text1024": textFrame(1024), "json64": jsonFrame(64), "json1024": jsonFrame(1024),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(frame)))
			var d Decoder
			var r Request
			for b.Loop() {
				if err := d.Decode(frame, &r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, m := range map[string]Message{
		"text64":   {Type: Text, Data: []byte(strings.Repeat("x", 64))},
		"text1024": {Type: Text, Data: []byte(strings.Repeat("x", 1024))},
		"json64":   {Type: JSON, Data: jsonData(64)},
		"json1024": {Type: JSON, Data: jsonData(1024)},
		"bin1024":  {Type: Binary, Data: make([]byte, 1024)},
	} {
		m.From, m.Group, m.FromUser, m.Position = "group", "lobby", "ann", []byte("1790000000000-0")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			dst := make([]byte, 0, 4096)
			for b.Loop() {
				dst = AppendMessage(dst[:0], m)
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}
