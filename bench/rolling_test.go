package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// rolled is a crowd of two members and a publisher in one group, that nobody has started.
func rolled() *crowd {
	o := rollingOptions{plan: defaultPlan(), window: time.Second, maxBurst: 2}
	o.plan.Connections, o.plan.Groups, o.plan.Publishers = 2, 1, 1
	c := newCrowd(context.Background(), o)
	c.turn()
	c.restarted()
	return c
}

// heard has a member hear messages of these numbers.
func (m *rollingMember) heard(numbers ...uint64) {
	for _, n := range numbers {
		payload := appendPayload(nil, Payload{Group: m.group, Seq: n}, m.crowd.plan.Size)
		m.hear(fmt.Appendf(nil, `{"type":"message","data":"%s","position":"7-%d"}`, payload, n))
	}
}

// acks has a publisher say so many messages, of which these are acked.
func (p *rollingPublisher) acks(said int, acked ...int) {
	for range said {
		p.message(0)
	}
	for _, n := range acked {
		p.hear(fmt.Appendf(nil, `{"type":"ack","ackId":%d,"success":true}`, n+1))
	}
}

// judged has a crowd play, of which each member was closed and is back.
func judged(t *testing.T, want string, play func(c *crowd, a, b *rollingMember, p *rollingPublisher)) {
	t.Helper()
	c := rolled()
	for _, m := range c.members {
		c.joined(m)
		c.left(m, farewell{told: true, code: restartCode})
		m.lost = time.Now()
		m.since = "7-0"
		m.reply([]byte(`{"type":"ack","ackId":1,"success":true,"position":"7-0","recovered":true}`))
	}
	play(c, c.members[0], c.members[1], c.publishers[0])
	r := c.result()
	if got := strings.Join(r.Failures, "; "); got != want {
		t.Errorf("the verdict is %q, want %q", got, want)
	}
	if err := r.writeTable(new(strings.Builder)); err != nil {
		t.Error(err)
	}
}

// The books of members and publishers are compared, and each way in which they may differ
// is a failure.
func TestRollingJudge(t *testing.T) {
	f := func(want string, play func(c *crowd, a, b *rollingMember, p *rollingPublisher)) {
		t.Helper()
		judged(t, want, play)
	}
	f("", func(_ *crowd, a, b *rollingMember, p *rollingPublisher) {
		p.acks(3, 0, 2) // the second was refused, say, or its connection ended
		a.heard(0, 2)
		b.heard(0, 2)
	})
	f("1 deliveries of acked messages were lost", func(_ *crowd, a, b *rollingMember, p *rollingPublisher) {
		p.acks(3, 0, 1, 2)
		a.heard(0, 2)
		b.heard(0, 1, 2)
	})
	f("1 messages came twice", func(_ *crowd, a, b *rollingMember, p *rollingPublisher) {
		p.acks(2, 0, 1)
		a.heard(0, 1, 1)
		b.heard(0, 1)
	})
	f("1 messages came out of order", func(_ *crowd, a, b *rollingMember, p *rollingPublisher) {
		p.acks(2, 0, 1)
		a.heard(1, 0)
		b.heard(0, 1)
	})
	f("1 messages were taken, and their publisher was not told", func(_ *crowd, a, b *rollingMember, p *rollingPublisher) {
		p.acks(2, 0)
		a.heard(0, 1)
		b.heard(0, 1)
	})
	f("", func(_ *crowd, a, b *rollingMember, p *rollingPublisher) {
		p.acks(2, 0)
		p.hear([]byte(`{"type":"ack","ackId":2,"success":false,"error":{"name":"InternalServerError","message":"it may have been published or not"}}`))
		a.heard(0, 1)
		b.heard(0, 1)
	})
	f("1 resumes could not be honoured", func(_ *crowd, a, b *rollingMember, p *rollingPublisher) {
		p.acks(1, 0)
		a.heard(0)
		b.heard(0)
		a.reply([]byte(`{"type":"ack","ackId":1,"success":true,"position":"9-0","recovered":false}`))
		if a.since != "9-0" {
			t.Errorf("after a resume that failed it stands at %s", a.since)
		}
	})
	f("nothing was acked: the run shows nothing", func(*crowd, *rollingMember, *rollingMember, *rollingPublisher) {})
	f("restart 1: 6 came back in one second, above --max-burst 2 times 2", func(c *crowd, a, b *rollingMember, p *rollingPublisher) {
		p.acks(1, 0)
		a.heard(0)
		b.heard(0)
		c.turns[0].Returns = []int{1, 6}
	})
}

// A member resumes from the last message that it saw, and from its join before that.
func TestRollingSince(t *testing.T) {
	m := rolled().members[0]
	f := func(want string) {
		t.Helper()
		var q struct{ Type, Group, Since string }
		if err := json.Unmarshal(m.join(), &q); err != nil || q.Type != "joinGroup" || q.Group == "" || q.Since != want {
			t.Errorf("it asks %s (%v), want since %q", m.join(), err, want)
		}
	}
	f("")
	m.reply([]byte(`{"type":"ack","ackId":1,"success":true,"position":"5-1"}`))
	f("5-1")
	m.heard(0, 1)
	f("7-1")
	m.reply([]byte(`{"type":"ack","ackId":1,"success":true,"position":"5-1","recovered":true}`))
	f("7-1")
}

// A connection's end is clean if the gateway has said all that it should.
func TestRollingListen(t *testing.T) {
	f := func(frames []byte, clean bool, after time.Duration) {
		t.Helper()
		near, far := net.Pipe()
		go func() {
			_, _ = far.Write(frames)
			if frames[len(frames)-1] != '}' { // a close frame's code, which is answered
				_, _ = far.Read(make([]byte, 64))
			}
			_ = far.Close()
		}()
		line := newRollingLine(near, nil)
		if end := line.listen(func([]byte) {}); end.clean() != clean || end.after != after {
			t.Errorf("the end is %+v, want clean %t after %v", end, clean, after)
		}
	}
	told := frames(`{"type":"system","event":"disconnected","message":"bye","reconnectAfterMs":1500}`)
	restart := ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(1012, "")))
	f(append(told, restart...), true, 1500*time.Millisecond)
	f(told, false, 1500*time.Millisecond)
	f(restart, false, 0)
	f(append(told, ws.MustCompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(1008, "")))...), false, 1500*time.Millisecond)
}
