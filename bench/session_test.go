package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestSessionRepeats(t *testing.T) {
	t.Parallel()
	var s session
	old := true
	f := func(number, at, last uint64, want bool) {
		t.Helper()
		if got := s.repeats(number, Place{Ms: at}, Place{Ms: last}, old); got != want {
			t.Errorf("number %d at %d after %d: repeats %t, want %t", number, at, last, got, want)
		}
	}
	f(5, 10, 0, false)
	f(5, 10, 10, true)      // the same number
	f(4, 9, 10, true)       // an older one
	f(6, 10, 10, false)     // the same message with a new number: that is for the judge
	f(40_000, 9, 10, false) // numbers may jump, and nobody has died
	f(1_040_001, 10, 10, true)
	f(1_040_002, 11, 10, false)
	old = false
	f(1_040_003, 10, 11, false) // where nobody died that is for the judge, too
}

// A session goes on on the next connection, in its groups and with its numbers, and
// begins anew when it was refused.
func TestFollowerSession(t *testing.T) {
	t.Parallel()
	greet := func(id string) string {
		return fmt.Sprintf(`{"type":"system","event":"connected","connectionId":%q,"reconnectionToken":"secret"}`, id)
	}
	numbered := func(number, n, seq int) string { return told(n, seq, fmt.Sprintf(`,"sequenceId":%d`, number)) }
	s := &script{reliable: true, greetings: [][]string{
		{greet("a")},
		{greet("a"), numbered(2, 6, 1), numbered(3, 7, 2), "cut"},
		{"1008"},
		{greet("b")},
	}, answers: [][]string{
		{numbered(1, 5, 0), ack(1, 4, ""), numbered(2, 6, 1), "cut"},
		{ack(2, 7, `,"recovered":true`), numbered(1, 8, 3)},
	}}
	tr := s.serve(t, 1)
	f := newFollower(tr, 0, []int{0}, true)
	f.session = &session{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.follow(ctx) }()
	poll(t, "all is heard", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.events) >= 9 })
	cancel()
	<-done
	var kinds []kind
	var places []uint64
	for _, e := range f.events[:9] {
		kinds, places = append(kinds, e.Kind), append(places, e.Place.Ms)
	}
	want := []kind{sawJoin, sawMessage, sawMessage, sawPart, sawResume, sawMessage, sawPart, sawResume, sawMessage}
	if !slices.Equal(kinds, want) || !slices.Equal(places, []uint64{4, 5, 6, 0, 6, 7, 0, 7, 8}) {
		t.Errorf("kinds %v at %v, want %v", kinds, places, want)
	}
	first, second, third, fourth := <-s.asked, <-s.asked, <-s.asked, <-s.asked
	recovers := "awps_connection_id=a&awps_reconnection_token=secret"
	if first != "" || second != recovers || third != recovers || fourth != "" {
		t.Errorf("asked for %q, %q, %q, %q", first, second, third, fourth)
	}
	if len(tr.odd) > 0 || strings.Contains(<-s.heard, "since") || !strings.Contains(<-s.heard, `"since":"7-0"`) {
		t.Errorf("odd: %q, or a join from elsewhere", tr.odd)
	}
}
