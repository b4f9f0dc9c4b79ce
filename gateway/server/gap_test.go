package server

import (
	"bufio"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// speaker connects a client of the JSON protocol that joins group g with further
// members of the request.
func (n *node) speaker(members string) *bufio.ReadWriter {
	n.t.Helper()
	return n.dial("json.webpubsub.azure.v1", members)
}

// dial is speaker over one of the subprotocols.
func (n *node) dial(protocol, members string) *bufio.ReadWriter {
	n.t.Helper()
	d := ws.Dialer{Protocols: []string{protocol}}
	conn, buffered, _, err := d.Dial(n.t.Context(), "ws://"+n.address+"/client/hubs/chat")
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		n.t.Fatal(err)
	}
	if buffered == nil {
		buffered = bufio.NewReader(conn)
	}
	c := bufio.NewReadWriter(buffered, bufio.NewWriter(conn))
	if err := wsutil.WriteClientText(conn, []byte(`{"type":"joinGroup","group":"g","ackId":1`+members+`}`)); err != nil {
		n.t.Fatal(err)
	}
	n.expect(c, `"event":"connected"`, `"type":"ack"`)
	return c
}

// expect reads one frame for each text, which must be in it.
func (n *node) expect(c *bufio.ReadWriter, texts ...string) {
	n.t.Helper()
	for _, want := range texts {
		got, _, err := wsutil.ReadServerData(c)
		if err != nil || !strings.Contains(string(got), want) {
			n.t.Fatalf("got %q, %v, want %s", got, err, want)
		}
	}
}

// TestLostMark: a mark in the stream is no message. What stands before it in the batch
// comes before the notice, and the first message after it is flagged.
func TestLostMark(t *testing.T) {
	n := start(t, 1, 100)
	told, plain := n.speaker(`,"gaps":true`), n.speaker("")
	at := broker.Position{Ms: 1 << 50}
	var batch []*broker.Message
	for i := range 5 {
		at.Seq++
		m := &broker.Message{Group: broker.Group{Hub: "chat", Name: "g"}, Position: at, Data: fmt.Append(nil, i)}
		m.Lost = i == 1 || i == 3
		batch = append(batch, m)
	}
	n.relay.deliver(batch)
	n.expect(told, `"data":0,"position":"1125899906842624-1"}`, `{"type":"system","event":"gap","group":"g","position":"1125899906842624-2"}`,
		`"data":2,"position":"1125899906842624-3","gap":true}`, `"position":"1125899906842624-4"}`, `"data":4,"position":"1125899906842624-5","gap":true}`)
	n.expect(plain, `"data":0,"position":"1125899906842624-1"}`,
		`"data":2,"position":"1125899906842624-3","gap":true}`, `"data":4,"position":"1125899906842624-5","gap":true}`)
	if got := n.metric(`app_errors_total{reason="broker_gap"}`); got != 2 {
		t.Errorf("%g gaps were counted, want 2", got)
	}
}

// TestPageWithGaps: what is read from the stream for those that are late has the gaps
// where they belong, each once.
func TestPageWithGaps(t *testing.T) {
	n := start(t, 1, 100)
	n.speaker("")
	p := &pursuit{relay: n.relay, topic: n.relay.lookup(broker.Group{Hub: "chat", Name: "g"}), worker: n.Workers[0]}
	f := func(after uint64, gap hole, want string, positions ...int) {
		t.Helper()
		var messages []*broker.Message
		for _, at := range positions {
			m := &broker.Message{Group: p.topic.group, Position: broker.Position{Ms: uint64(max(at, -at))}, Data: []byte("0"), Lost: at < 0}
			messages = append(messages, m)
		}
		var wanted [variants]bool
		wanted[jsonPlain] = true
		got := ""
		for _, d := range p.encode(messages, broker.Position{Ms: after}, wanted, gap) {
			switch {
			case d.lost:
				got += fmt.Sprintf("lost %d ", d.last.Ms)
			case strings.Contains(frameText(d.frames[jsonPlain]), `\"gap\":true`):
				got += fmt.Sprintf("flagged %d ", d.last.Ms)
			default:
				got += fmt.Sprintf("%d ", d.last.Ms)
			}
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("after %d: %s, want %s", after, got, want)
		}
	}
	at := func(ms uint64) hole { return hole{broker.Position{Ms: ms}, true} }
	f(1, hole{}, "2 3", 2, 3)
	f(1, hole{}, "2 lost 3 flagged 4 5", 2, -3, 4, 5)
	f(1, hole{}, "lost 2 lost 3 flagged 4", -2, -3, 4)
	f(1, hole{}, "2 lost 3", 2, -3)
	f(1, at(3), "2 lost 3 flagged 4 5", 2, 4, 5)
	f(1, at(3), "2 3 lost 3 flagged 4", 2, 3, 4)
	f(1, at(3), "2 lost 3 flagged 4", 2, -3, 4)
	f(3, at(3), "flagged 4 5", 4, 5)
	f(4, at(3), "5", 5)
	f(1, at(3), "2 lost 3", 2)
	f(1, at(3), "lost 3")
}

// frameText is what a frame has in it.
func frameText(f reactor.Frame) string { return fmt.Sprintf("%q", f) }

// lagging has the only member of a group stand after a position, on the loop, while the
// worker has sent all up to another.
func (n *node) lagging(from, ran uint64, then func(p *pursuit, m *membership)) {
	n.t.Helper()
	done := make(chan struct{})
	err := n.Workers[0].Post(func(w *reactor.Worker) {
		defer close(done)
		t := n.relay.lookup(broker.Group{Hub: "chat", Name: "g"})
		share := &t.workers[0]
		m := share.group.Members()[0]
		m.Member.session().fallBehind(m, broker.Position{Ms: from})
		m.Member.from, m.Member.late, share.ran = broker.Position{Ms: from}, pursued, broker.Position{Ms: ran}
		then(&pursuit{relay: n.relay, topic: t, worker: w, members: []*membership{m}, after: m.Member.from}, m)
	})
	if err != nil {
		n.t.Fatal(err)
	}
	<-done
}

// TestLateGap: the stream was set back. A member that has not come so far is told once it
// has what is before the gap, not at once.
func TestLateGap(t *testing.T) {
	n := start(t, 1, 100)
	c := n.speaker(`,"gaps":true`)
	n.lagging(1<<50+1, 1<<50+9, func(p *pursuit, m *membership) {
		gap := broker.Position{Ms: 1<<50 + 5}
		p.relay.lost(p.worker, p.topic, gap)
		var messages []*broker.Message
		for _, ms := range []uint64{3, 5} {
			messages = append(messages, &broker.Message{Group: p.topic.group, Position: broker.Position{Ms: 1<<50 + ms}, Data: []byte("0")})
		}
		p.page = p.encode(messages, m.Member.from, p.topic.variants(), hole{gap, true})
		p.give(m)
		p.settle(m)
	})
	n.expect(c, `"position":"1125899906842627-0"`, `"position":"1125899906842629-0"`, `"event":"gap","group":"g","position":"1125899906842629-0"`)
}

// TestGapBehindMember: a member that has come from another node, and has more of the stream
// than this node had read when it was set back, does not get that again.
func TestGapBehindMember(t *testing.T) {
	n := start(t, 1, 100)
	c := n.speaker(`,"gaps":true`)
	g := broker.Group{Hub: "chat", Name: "g"}
	done := make(chan struct{})
	err := n.Workers[0].Post(func(*reactor.Worker) {
		defer close(done)
		share := &n.relay.lookup(g).workers[0]
		share.ran, share.group.Members()[0].Member.from = broker.Position{Ms: 1<<50 + 5}, broker.Position{Ms: 1<<50 + 7}
	})
	if err != nil {
		t.Fatal(err)
	}
	<-done
	n.relay.gap(g, broker.Position{Ms: 1<<50 + 3})
	for ms := range uint64(6) {
		n.relay.deliver([]*broker.Message{{Group: g, Position: broker.Position{Ms: 1<<50 + 4 + ms}, Data: []byte("0")}})
	}
	n.expect(c, `"position":"1125899906842632-0"`, `"position":"1125899906842633-0"`)
}

// TestBlankPage: a stream that has lost its end may have it put back. A member that has
// yet to get it waits, and is told in the end if nothing comes.
func TestBlankPage(t *testing.T) {
	n := start(t, 1, 100)
	c := n.speaker(`,"gaps":true`)
	n.lagging(1<<50+1, 1<<50+9, func(p *pursuit, m *membership) {
		p.page = []delivery{}
		if p.settle(m); m.Member.late != pursued || !p.waits(m) {
			t.Errorf("lateness %v after a blank page, want that it waits", m.Member.late)
		}
		p.blank = pursuitBlank
		if p.settle(m); m.Member.late != live {
			t.Errorf("lateness %v after many blank pages, want that it goes on", m.Member.late)
		}
	})
	n.expect(c, `"event":"gap","group":"g","position":"1125899906842633-0"`)
}
