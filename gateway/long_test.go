package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// bulky is a request to send a number to group g, with letters that make it long enough to be
// decoded beside the loop.
func bulky(ackID int) (request, data string) {
	data = fmt.Sprintf("%d %s", ackID, strings.Repeat("\u00e4\\n", 250_000))
	return fmt.Sprintf(`{"type":"sendToGroup","group":"g","dataType":"text","data":"%s","ackId":%d,"noEcho":true}`, data, ackID), strings.ReplaceAll(data, `\n`, "\n")
}

// TestLongRequest: long requests are decoded beside the loop, and done in their turn among
// the short ones.
func TestLongRequest(t *testing.T) {
	g := start(t, unlimited...)
	c, member := g.connect("chat"), g.connect("chat")
	member.join("g")
	var in, want []string
	for i := range 8 {
		request, data := bulky(i)
		if i%3 == 1 {
			request, data = fmt.Sprintf(`{"type":"sendToGroup","group":"g","dataType":"text","data":"short %d","ackId":%d,"noEcho":true}`, i, i), fmt.Sprint("short ", i)
		}
		in, want = append(in, request), append(want, data)
	}
	go func() { _, _ = c.conn.Write(inOnePiece(in...)) }() // what is missing shows
	for i, data := range want {
		f := member.message("g")
		var got string
		if err := json.Unmarshal(f.Data, &got); err != nil || got != data {
			t.Errorf("message %d is %.20q of %d bytes, want %.20q of %d", i, got, len(got), data, len(data))
		}
	}
	for id, f := range c.allAcks(len(in)) {
		if !f.Success {
			t.Errorf("request %d: %+v", id, f)
		}
	}
	if n := g.metric(`tidegate_aside_total`); n != 5 {
		t.Errorf("%g were aside, want 5", n)
	}
}

// TestLongFaults: what is wrong with a long request is answered as with a short one.
func TestLongFaults(t *testing.T) {
	g := start(t, "--set", "limits.bytes_per_second=1MiB")
	request, _ := bulky(1)
	f := func(want ws.StatusCode, frame ws.Frame) {
		t.Helper()
		c := g.connect("chat")
		c.write(ws.MustCompileFrame(ws.MaskFrame(frame)))
		if code := c.closedWith(); code != want {
			t.Errorf("closed with %d, want %d", code, want)
		}
	}
	f(ws.StatusInvalidFramePayloadData, ws.NewTextFrame([]byte(request[:len(request)-1])))
	f(ws.StatusInvalidFramePayloadData, ws.NewTextFrame([]byte(request+"{}")))
	f(ws.StatusUnsupportedData, ws.NewBinaryFrame([]byte(request)))
	c := g.connect("chat")
	var all []string
	for i := range 3 { // all are taken only if reading them takes two seconds
		request, _ := bulky(i)
		all = append(all, request)
	}
	go func() { _, _ = c.conn.Write(inOnePiece(all...)) }()
	refused := 0
	for _, f := range c.allAcks(len(all)) {
		if !f.Success && f.Error.Name == "TooManyRequests" {
			refused++
		} else if !f.Success {
			t.Errorf("got %+v", f)
		}
	}
	if refused == 0 || refused == len(all) {
		t.Errorf("%d of %d were refused", refused, len(all))
	}
}
