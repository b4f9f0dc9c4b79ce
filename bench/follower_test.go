package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/tidegate/tidegate/gateway/wire"
)

// script is a server that answers each request of one client after the other with the
// lines that the test has for it, and hangs up after the last.
type script struct {
	answers [][]string // by request; "cut" ends the connection
	heard   chan string

	reliable  bool       // it speaks the reliable subprotocol
	greetings [][]string // by connection, said before anything is asked; "1008" refuses it
	asked     chan string
}

// serve starts the server as the only node of a trial.
func (s *script) serve(t *testing.T, groups int) *Trial {
	t.Helper()
	s.heard, s.asked = make(chan string, 100), make(chan string, 100)
	var mu sync.Mutex // one connection at a time
	next, connections := 0, 0
	protocol := wire.Protocol
	if s.reliable {
		protocol = wire.ReliableProtocol
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := ws.HTTPUpgrader{Protocol: func(p string) bool { return p == protocol }}
		conn, _, _, err := up.Upgrade(r, w)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		defer hangUp(conn)
		s.asked <- r.URL.RawQuery
		if connections++; connections <= len(s.greetings) && !utter(conn, s.greetings[connections-1]) {
			return
		}
		for next < len(s.answers) {
			b, err := wsutil.ReadClientText(conn)
			if err != nil {
				return
			}
			s.heard <- string(b)
			next++
			if !utter(conn, s.answers[next-1]) {
				return
			}
		}
	}))
	t.Cleanup(srv.Close)
	return &Trial{o: trialOptions{groups: groups, seed: 1}, start: time.Now(), settling: make(chan struct{}),
		nodes: []*Node{{URL: "ws" + strings.TrimPrefix(srv.URL, "http")}}}
}

// hangUp ends a connection as the client should see it: what it has said last would be
// answered by a reset otherwise, which destroys what it has not read yet.
func hangUp(conn net.Conn) {
	defer conn.Close()
	if c, ok := conn.(*net.TCPConn); ok && c.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.Copy(io.Discard, c)
	}
}

// utter says the lines, and reports whether the connection goes on.
func utter(conn net.Conn, lines []string) bool {
	for _, line := range lines {
		switch {
		case line == "1008":
			_ = ws.WriteFrame(conn, ws.NewCloseFrame(ws.NewCloseFrameBody(1008, "unknown session")))
			return false
		case line == "cut" || wsutil.WriteServerText(conn, []byte(line)) != nil:
			return false
		}
	}
	return true
}

func ack(id, n int, more string) string {
	return fmt.Sprintf(`{"type":"ack","ackId":%d,"success":true,"position":"%d-0"%s}`, id, n, more)
}

func told(n, seq int, more string) string {
	return fmt.Sprintf(`{"type":"message","from":"group","group":"bench-0","dataType":"text","data":%q,"position":"%d-0"%s}`,
		appendPayload(nil, Payload{0, 3, uint64(seq), time.Millisecond}, payloadMin), n, more)
}

// A follower goes on from where it was, and writes down what it was told.
func TestFollowerWritesDown(t *testing.T) {
	t.Parallel()
	s := &script{answers: [][]string{
		{ack(1, 4, ""), told(5, 0, ""), `{"type":"message","group":"bench-0","data":"not ours","position":"6-0"}`, "cut"},
		{ack(2, 6, `,"recovered":true`), told(7, 1, ""), `{"type":"system","event":"gap","group":"bench-0","position":"8-0"}`, told(9, 2, ""), "cut"},
		{ack(3, 20, `,"recovered":false`), told(21, 3, `,"gap":true`), told(22, 4, ""), `{"type":"ack","ackId":77,"success":true}`, told(3, 1, "") /* of the past */},
	}}
	tr := s.serve(t, 1)
	f := newFollower(tr, 0, []int{0}, true)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.follow(ctx) }()
	poll(t, "all is heard", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.events) >= 13 })
	cancel()
	<-done

	var kinds []kind
	var places []uint64
	for _, e := range f.events[:13] {
		kinds, places = append(kinds, e.Kind), append(places, e.Place.Ms)
	}
	want := []kind{sawJoin, sawMessage, sawPart, sawResume, sawMessage, sawGap, sawMessage, sawPart, sawMissed, sawGap, sawMessage, sawMessage, sawMessage}
	if !slices.Equal(kinds, want) || !slices.Equal(places, []uint64{4, 5, 0, 6, 7, 8, 9, 0, 20, 20, 21, 22, 3}) {
		t.Errorf("kinds %v at %v, want %v", kinds, places, want)
	}
	var since []string
	for range 3 {
		var r struct {
			Since string
			Gaps  bool
		}
		if err := json.Unmarshal([]byte(<-s.heard), &r); err != nil || !r.Gaps {
			t.Errorf("a join that asks for no notices: %+v, %v", r, err)
		}
		since = append(since, r.Since)
	}
	if !slices.Equal(since, []string{"", "6-0", "9-0"}) {
		t.Errorf("joined since %q", since)
	}
	if len(tr.odd) != 1 || !strings.Contains(tr.odd[0], "77") {
		t.Errorf("odd: %q", tr.odd)
	}
}

// A join that is refused is asked for again.
func TestFollowerRefused(t *testing.T) {
	t.Parallel()
	s := &script{answers: [][]string{
		{`{"type":"ack","ackId":1,"success":false,"error":{"name":"InternalServerError","message":"away"}}`},
		{ack(2, 4, "")},
		{ack(3, 0, "")},
	}}
	tr := s.serve(t, 1)
	f := newFollower(tr, 0, []int{0}, false)
	l := f.enter(t.Context())
	if l == nil || !f.home() || f.settled() {
		t.Fatalf("link %v, home %t, settled %t", l, f.home(), f.settled())
	}
	f.leave(l, 0)
	poll(t, "it is out", func() bool { return !f.home() })
	l.Close(true)
	if tr.refused != "InternalServerError: away" {
		t.Errorf("the first refusal is %q", tr.refused)
	}
	if n := len(f.events); n != 2 || f.events[1].Kind != sawPart {
		t.Errorf("events %+v", f.events)
	}
}

// A speaker knows what is in the stream, what is not and what may be.
func TestSpeakerFates(t *testing.T) {
	t.Parallel()
	no := func(id int, why string) string {
		return fmt.Sprintf(`{"type":"ack","ackId":%d,"success":false,"error":{"name":"InternalServerError","message":%q}}`, id, why)
	}
	s := &script{answers: [][]string{
		{ack(1, 4, "")},
		{no(2, "the message was not taken")},
		{no(3, "the message "+outcomeUnknown+" or not")},
		{"cut"},
	}}
	tr := s.serve(t, 1)
	tr.o.speakers, tr.o.rate, tr.o.size = 1, 100, 128
	sp := newSpeaker(tr, 0)
	for range 4 {
		sp.say(t.Context(), 0)
	}
	if err := until(t.Context(), linkPatience, "the link is gone", func() error {
		if sp.gone() {
			return nil
		}
		return errors.New("it is there")
	}); err != nil {
		t.Fatal(err)
	}
	var fates []fate
	for _, u := range sp.said[0] {
		fates = append(fates, u.Fate)
	}
	if want := []fate{fateAcked, fateRefused, fateOpen, fateOpen}; !slices.Equal(fates, want) {
		t.Errorf("fates %v, want %v", fates, want)
	}
	if seq, ok := sp.lastAcked(0); !ok || seq != 0 || sp.answered() != nil {
		t.Errorf("the last that was acked is %d, %t; waiting: %v", seq, ok, sp.answered())
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	var g Gate
	g.Open()
	g.Wait()
	g.Close()
	g.Close()
	through := make(chan struct{})
	go func() { g.Wait(); close(through) }()
	select {
	case <-through:
		t.Error("through a closed gate")
	case <-time.After(20 * time.Millisecond):
	}
	g.Open()
	<-through
}
