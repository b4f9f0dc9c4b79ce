package main

import (
	"net"
	"testing"
	"time"
)

// A session is asked for by its id and token once it has them, goes on if the greeting has
// the same id, and is given up if the gateway does not know it.
func TestReliableSession(t *testing.T) {
	s := new(reliableSession)
	if q := s.query(); q != "" {
		t.Errorf("the first time it asks for %s", q)
	}
	if s.greeted(rollingFrame{ConnectionID: "a b", ReconnectionToken: "t&"}) {
		t.Error("a new session goes on")
	}
	if q, want := s.query(), "?awps_connection_id=a+b&awps_reconnection_token=t%26"; q != want {
		t.Errorf("it asks for %s, want %s", q, want)
	}
	if end := (farewell{code: 1008}); !s.refused(end) {
		t.Error("1008 before the greeting is no refusal")
	}
	if !s.greeted(rollingFrame{ConnectionID: "a b", ReconnectionToken: "t&"}) {
		t.Error("the session does not go on")
	}
	if end := (farewell{code: 1008}); s.refused(end) {
		t.Error("1008 after the greeting is a refusal")
	}
	if s = nil; s.refused(farewell{code: 1008}) {
		t.Error("a member without a session was refused one")
	}
}

// Numbers that came before are dropped, and the highest is acked now and then.
func TestReliableFresh(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	go func() {
		buf := make([]byte, 256)
		for {
			if _, err := far.Read(buf); err != nil {
				return
			}
		}
	}()
	line := newRollingLine(near, nil)
	s := new(reliableSession)
	f := func(message string, want bool) {
		t.Helper()
		if got := s.fresh([]byte(message), line, time.Unix(0, 0)); got != want {
			t.Errorf("%s: fresh is %t", message, got)
		}
	}
	f(`{"sequenceId":1,"type":"message"}`, true)
	f(`{"type":"message","sequenceId":3}`, true)
	f(`{"sequenceId":3,"type":"message"}`, false)
	f(`{"sequenceId":2,"type":"message"}`, false)
	f(`{"sequenceId":4,"type":"message"}`, true)
	f(`{"sequenceId":x,"type":"message"}`, false)
	if s.last != 4 {
		t.Errorf("the last is %d", s.last)
	}
	if s.acked.IsZero() {
		t.Error("nothing was acked")
	}
}
