package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// testCircuit is the books of member 0 and one publisher in a small shape, without a
// server: messages 0 to 2 of each group are under way, and ackIds 0 to 2.
func testCircuit(shape Shape) *Circuit {
	c := &Circuit{shape: shape, size: 64, template: newRequest("1", 64, true), buf: make([]byte, 4096), published: make([]uint64, shape.Groups), heard: make([]uint64, shape.Groups)}
	for id := range shape.Connections {
		c.members = append(c.members, newMember(shape, id))
	}
	for g := range c.published {
		c.published[g] = 3
	}
	c.publishers = []*Publisher{{Socket: Socket{fd: -1}, tickets: 3}}
	c.owed = 3 * shape.Groups * shape.Fanout()
	return c
}

// said is a message of ours as a server says it.
func said(group int, seq uint64) string {
	return string(appendPayload([]byte(`{"type":"message","data":"`), Payload{Group: group, Seq: seq}, 64)) + `"}`
}

func acked(n uint64) string {
	return fmt.Sprintf(`{"type":"ack","ackId":%d,"success":true}`, firstTicket+n)
}

func TestHear(t *testing.T) {
	one := Shape{Name: "2x1", Groups: 2, Connections: 2}
	all := Shape{Name: "1in2", Groups: 2, Connections: 1, Everywhere: true}
	f := func(want string, shape Shape, id int, messages ...string) {
		t.Helper()
		c := testCircuit(shape)
		owed := c.owed
		_, err := c.frames(id, frames(messages...))
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%q: %v, want %q", messages, got, want)
		}
		if err == nil && id < len(c.members) && int(c.delivered) != owed-c.owed {
			t.Errorf("%q: %d delivered, and %d of %d are owed", messages, c.delivered, c.owed, owed)
		}
	}
	const fine = "<nil>"
	f(fine, one, 0, said(0, 0), said(0, 1), said(0, 2))
	f(fine, one, 1, said(1, 0))
	f(fine, all, 0, said(1, 0), said(0, 0), said(1, 1))
	f("message 1 came when 0 was due", one, 0, said(0, 1))
	f("message 0 came a second time", one, 0, said(0, 0), said(0, 0))
	f("message 2 came when 1 was due", all, 0, said(0, 0), said(1, 0), said(1, 2))
	f("was never sent", one, 0, said(0, 0), said(0, 1), said(0, 2), said(0, 3))
	f("a message to group 1 at a member of group 0", one, 0, said(1, 0))
	f("a message to group 2 at", all, 0, said(2, 0))
	f("a message that bench limit did not send", one, 2, said(0, 0)) // at the publisher, 2
	f("a message that bench limit did not send", one, 0, `{"type":"message","data":"hello"}`)
	f("a message that bench limit did not send", one, 0, `{"type":"message","data":"tgbench1000000"}`)
	f("no JSON", one, 0, "hello")
	f("the server said: too slow", one, 0, `{"type":"system","event":"disconnected","message":"too slow"}`)
	f(fine, one, 0, `{"type":"system","event":"connected","connectionId":"x"}`)

	f(fine, one, 2, acked(2), acked(0), acked(1)) // groups have streams of their own
	f("not the first", one, 2, acked(1), acked(1))
	f("of no publish", one, 2, acked(3))
	f("of no publish", one, 2, `{"type":"ack","ackId":1,"success":true}`)
	f("refused a publish: Forbidden: no", one, 2, `{"type":"ack","ackId":1,"success":false,"error":{"name":"Forbidden","message":"no"}}`)
}

func TestHearControl(t *testing.T) {
	f := func(want string, frame ws.Frame) {
		t.Helper()
		_, err := testCircuit(Shape{Name: "1x1", Groups: 1, Connections: 1}).frames(0, ws.MustCompileFrame(frame))
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%+v: %v, want %q", frame.Header, got, want)
		}
	}
	f("the server closed it with 1008 (slow)", ws.NewCloseFrame(ws.NewCloseFrameBody(1008, "slow")))
	f("whole text frames", ws.NewBinaryFrame([]byte("x")))
	f("whole text frames", ws.NewFrame(ws.OpText, false, []byte("x")))
	f("a frame of 5000 bytes", ws.NewTextFrame(make([]byte, 5000)))
	f("masks its frames", ws.MaskFrame(ws.NewTextFrame([]byte("x"))))
	f("<nil>", ws.NewPongFrame(nil))
}

// A gateway closes whoever does not answer its pings.
func TestHearPing(t *testing.T) {
	near, far := socketPair(t)
	c := testCircuit(Shape{Name: "1x1", Groups: 1, Connections: 1})
	c.members[0].fd = near.fd
	if _, err := c.frames(0, ws.MustCompileFrame(ws.NewPingFrame([]byte("there?")))); err != nil {
		t.Fatal(err)
	}
	pong, err := readFrame(far)
	if err != nil || pong.Header.OpCode != ws.OpPong || !pong.Header.Masked || string(ws.UnmaskFrame(pong).Payload) != "there?" {
		t.Errorf("%+v, %v", pong.Header, err)
	}
}

// What the load does with each delivery of 64 bytes, without the sockets.
func BenchmarkHear(b *testing.B) {
	c := testCircuit(Shape{Name: "1x1", Groups: 1, Connections: 1})
	c.template.text = strings.Index(said(0, 0), magic)
	stream := frames(said(0, 0))
	for b.Loop() {
		c.members[0].next[0] = 0
		if _, err := c.frames(0, stream); err != nil {
			b.Fatal(err)
		}
	}
}
