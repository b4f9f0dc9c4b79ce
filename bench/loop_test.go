package main

import (
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// scheduled returns a loop over one real connection with a plan, ready to publish.
func scheduled(t *testing.T, change func(p *Plan)) (*Loop, *Conn, io.Reader) {
	t.Helper()
	c, far := socketPair(t)
	p := defaultPlan()
	p.Connections, p.Groups, p.Size, p.Run, p.Warmup = 1, 1, 64, "1", 0
	change(&p)
	c.firstAck = 2
	l := &Loop{
		plan: p, layout: p.Layout(), course: newCourse(p), window: newWindow(0), buf: make([]byte, 4096),
		conns: []*Conn{c}, senders: []*Conn{c}, pacer: Pacer{Rate: p.Rate, Shares: 1}, heads: [][]byte{head(p, 0)},
	}
	return l, c, far
}

// testPoller returns a poller that is closed when the test ends.
func testPoller(t *testing.T) *poller {
	t.Helper()
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// next waits for a socket, however often the poller comes back without.
func next(t *testing.T, p *poller) readiness {
	t.Helper()
	var found []readiness
	poll(t, "a socket is ready", func() bool {
		ready, err := p.wait(10 * time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		found = ready
		return len(ready) > 0
	})
	if len(found) != 1 {
		t.Fatalf("%d sockets are ready, want 1", len(found))
	}
	return found[0]
}

// at puts the loop and its course so far into the run.
func (l *Loop) at(elapsed time.Duration) {
	l.course.start = time.Now().Add(-elapsed)
	l.now = l.course.Elapsed()
}

// A request is what the protocol says, with the payload that the turn calls for.
func TestPublishRequest(t *testing.T) {
	l, _, far := scheduled(t, func(p *Plan) { p.Rate = 0.1 })
	l.at(15 * time.Second)
	if pause := l.publish(); pause != maxPause || l.turn != 2 {
		t.Fatalf("%d turns and a pause of %v, want turns 0 and 1 and the longest pause", l.turn, pause)
	}
	for turn := range uint64(2) {
		f, err := readFrame(far)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Type, Group, DataType, Data string
			AckID                       uint64
		}
		if err := json.Unmarshal(ws.UnmaskFrame(f).Payload, &got); err != nil {
			t.Fatal(err)
		}
		if got.Type != "sendToGroup" || got.Group != "bench-1-0" || got.DataType != "text" || got.AckID != turn+2 || len(got.Data) != 64 {
			t.Errorf("turn %d: %+v", turn, got)
		}
		want := Payload{Seq: turn, Due: time.Duration(turn) * 10 * time.Second}
		if p, ok := findPayload([]byte(got.Data), 64); !ok || p != want {
			t.Errorf("turn %d: %+v, want %+v", turn, p, want)
		}
	}
	// Turn 0 left 15 s late and turn 1 five.
	if m := l.window.Measured; m.Sent != 2 || m.OnSchedule != 0 || m.Intended != 2 || m.Owed != 2 {
		t.Errorf("%+v", m)
	}
	if late := l.window.Lateness; late.TotalCount() != 2 || late.Max() < 14_900_000 {
		t.Errorf("%d latenesses, the greatest %d µs", late.TotalCount(), late.Max())
	}
}

func TestPublishPace(t *testing.T) {
	f := func(elapsed time.Duration, change func(p *Plan), turns uint64, low, high time.Duration, done bool) {
		t.Helper()
		l, _, _ := scheduled(t, change)
		l.at(elapsed)
		pause := l.publish()
		if l.turn != turns || pause < low || pause > high || l.done.Load() != done {
			t.Errorf("after %v: %d turns, pause %v, done %v; want %d, %v to %v, %v", elapsed, l.turn, pause, l.done.Load(), turns, low, high, done)
		}
	}
	slow := func(p *Plan) { p.Rate = 1 }
	f(0, slow, 1, maxPause, maxPause, false)
	f(10*time.Second, slow, 11, maxPause, maxPause, false)
	f(20*time.Second, func(p *Plan) { p.Rate = 1000 }, maxBurst, 0, 0, false) // behind: a burst, then reading
	f(10*time.Second, func(p *Plan) { p.Rate, p.Duration = 1, 5*time.Second }, 0, maxPause, maxPause, true)
	f(5500*time.Millisecond, func(p *Plan) { p.Rate, p.Duration = 1, 5*time.Second }, 5, maxPause, maxPause, true) // overtime
	f(time.Second, func(p *Plan) { p.Rate = 0 }, 0, maxPause, maxPause, false)
}

// A loop does not sleep past its next turn.
func TestPublishPause(t *testing.T) {
	l, _, _ := scheduled(t, func(p *Plan) { p.Rate = 100 })
	l.at(time.Second)
	for range 100 {
		pause := l.publish()
		if next := l.pacer.Due(l.turn); l.now+pause > next && pause > 0 {
			t.Fatalf("at %v a pause of %v, and turn %d is due at %v", l.now, pause, l.turn, next)
		}
		if pause > 0 {
			return
		}
	}
	t.Error("100 bursts and still behind a schedule of 100 a second")
}

// Turns that a loop did not get to are intended all the same.
func TestForfeit(t *testing.T) {
	l, c, _ := scheduled(t, func(p *Plan) { p.Rate, p.Duration = 100, 3*time.Second })
	l.at(time.Minute)
	l.publish()
	l.forfeit()
	if m := l.window.Measured; m.Intended != 300 || m.Owed != 300 || m.Sent != 0 || c.turns != 300 {
		t.Errorf("%+v, %d turns; want 300 intended and none sent", m, c.turns)
	}
}

// A connection that is closed keeps its turns, and nobody else gets them.
func TestPublishOnClosedConnection(t *testing.T) {
	l, c, _ := scheduled(t, func(p *Plan) { p.Rate = 1 })
	l.drop(c, "gone")
	l.drop(c, "gone twice")
	l.at(3500 * time.Millisecond)
	l.publish()
	if m := l.window.Measured; m.Intended != 4 || m.Sent != 0 || c.turns != 4 || c.fate != "gone" {
		t.Errorf("%+v, %d turns, fate %q", m, c.turns, c.fate)
	}
}

// On a plain route the payload goes out bare and counts as acked.
func TestPublishPlain(t *testing.T) {
	l, c, far := scheduled(t, func(p *Plan) { p.URL, p.Rate = "ws://h/{group}/", 1 })
	l.at(0)
	l.publish()
	f, err := readFrame(far)
	if err != nil {
		t.Fatal(err)
	}
	if b := ws.UnmaskFrame(f).Payload; string(b) != string(appendPayload(nil, Payload{}, 64)) {
		t.Errorf("%q", b)
	}
	if !c.acks.Has(0) || l.window.All.Acked != 1 || l.tally != (Tally{Sent: 1, Answered: 1, Promised: 1}) {
		t.Errorf("%+v, %+v", l.window.All, l.tally)
	}
}

// A server's last message counts, and then its leaving, even if both were there
// before the loop looked: the poller does not say it again.
func TestServeToTheEnd(t *testing.T) {
	l, c, far := scheduled(t, func(*Plan) {})
	l.poll = testPoller(t)
	if err := l.poll.add(c.fd, c.id); err != nil {
		t.Fatal(err)
	}
	conn := far.(net.Conn)
	if _, err := conn.Write(frames(string(appendPayload(nil, Payload{}, 64)))); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	var r readiness
	poll(t, "the end is told", func() bool { r = next(t, l.poll); return r.ending })
	l.serve(r)
	if l.window.All.Delivered != 1 || c.fd >= 0 || !strings.Contains(c.fate, "without a close frame") {
		t.Errorf("%d delivered, fate %q", l.window.All.Delivered, c.fate)
	}
	l.serve(r) // the socket may be named once more in the same batch
}

// A loop hands its window over when the second changes, takes a used one back, and
// goes on with the one it has if nobody takes it.
func TestTell(t *testing.T) {
	full, empty := make(chan *Window, 1), make(chan *Window, 1)
	l := &Loop{index: 3, full: full, empty: empty, window: newWindow(3)}
	l.tally = Tally{1, 2, 3, 4}
	l.tell()
	if len(full) != 0 || l.Tally() != l.tally {
		t.Fatalf("%d windows in second 0, tally %+v", len(full), l.Tally())
	}
	first := l.window
	first.All.Sent = 1
	l.now = 1100 * time.Millisecond
	l.tell()
	if l.window == first || l.window.Second != 1 || l.window.Loop != 3 {
		t.Fatalf("the window of second 0 was kept: %+v", l.window)
	}
	second := l.window
	second.All.Sent = 2
	l.now = 2 * time.Second
	l.tell() // nobody has taken the first yet
	if l.window != second || second.Second != 2 || second.All.Sent != 2 {
		t.Errorf("%+v: want the same window, in second 2", l.window)
	}
	w := <-full
	if w != first || w.Second != 0 || w.All.Sent != 1 {
		t.Errorf("%+v: want second 0", w)
	}
	empty <- w
	l.now = 3 * time.Second
	l.tell()
	if l.window != first || l.window.All.Sent != 0 || l.window.Second != 3 {
		t.Errorf("%+v: want the used window, empty", l.window)
	}
}

// The books are compared at the end: acked and not received is lost, and only that.
func TestLosses(t *testing.T) {
	f := func(l Layout, change func(conns []*Conn), want uint64) {
		t.Helper()
		fleet := &Fleet{layout: l}
		for id := range l.Total() {
			c := newConn(l, id)
			c.fd = 0
			fleet.conns = append(fleet.conns, c)
		}
		for i := range l.Senders() {
			c := fleet.conns[l.Sender(i)]
			for turn := range uint64(12) {
				c.turns++
				c.acks.Observe(turn)
				group, slot, seq := l.Target(c.id, turn)
				for _, m := range fleet.conns {
					if m.group == group {
						m.seen[slot].Observe(seq)
					}
				}
			}
		}
		change(fleet.conns)
		if got := fleet.losses(); got.Lost != want {
			t.Errorf("%+v: %d lost, want %d", l, got.Lost, want)
		}
	}
	members, own := Layout{Connections: 6, Groups: 2}, Layout{Connections: 6, Groups: 2, Publishers: 3}
	for _, l := range []Layout{members, own} {
		sender := l.Sender(1)
		group, _, _ := l.Target(sender, 12)
		f(l, func([]*Conn) {}, 0)
		f(l, func(c []*Conn) { c[sender].turns++ }, 0)                                                 // never answered
		f(l, func(c []*Conn) { c[sender].turns++; c[sender].acks.Observe(12) }, uint64(l.Size(group))) // acked, and nobody has it
		f(l, func(c []*Conn) { c[0].seen[0] = Sequence{} }, l.Published(0, 0, 12))
	}
}

// The first words of what went wrong are kept.
func TestLossesWords(t *testing.T) {
	l := Layout{Connections: 3, Groups: 1}
	fleet := &Fleet{layout: l}
	for id := range 3 {
		fleet.conns = append(fleet.conns, newConn(l, id))
	}
	fleet.conns[0].fd = 0
	fleet.conns[1].fate, fleet.conns[2].fate = "first", "second"
	fleet.conns[2].refusal = "Forbidden: no"
	got := fleet.losses()
	if got.Closed != 2 || got.Fate.Error() != "first" || got.Refusal.Error() != "Forbidden: no" {
		t.Errorf("%+v", got)
	}
}
