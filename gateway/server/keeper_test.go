package server

import (
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// idleKeeper is a keeper that nobody runs.
func idleKeeper(most int) *keeper {
	s := &Server{Config: Config{Limits: Limits{Detached: most}, Sessions: Sessions{Expiry: time.Minute}}, node: "here"}
	s.attached.byID = make(map[string]*session)
	s.keeper = newKeeper(s, metrics.NewSet())
	return s.keeper
}

// TestReleaseAnswers: a node that is asked for a session answers with the record that
// waits to be written, or that it has none; while the record is being written it says
// nothing, since it is found in a moment, and what was there before is old.
func TestReleaseAnswers(t *testing.T) {
	k := idleKeeper(10)
	c := &record{ID: "a", Detached: true}
	answer := func(nonce string) *record {
		k.server.release(release{Session: "a", Nonce: nonce})
		v := k.waiting[releaseKey(nonce)]
		if v == nil {
			return nil
		}
		return v.record
	}
	if got := answer("1"); got == nil || got.ID != "" {
		t.Errorf("of a session that there is not: %+v", got)
	}
	k.keep(c, nil)
	if got := answer("2"); got != c {
		t.Errorf("of one that waits to be written: %+v", got)
	}
	k.keep(c, nil)
	keys, batch := k.next()
	if got := answer("3"); got != nil {
		t.Errorf("of one that is being written: %+v", got)
	}
	k.again(keys, batch)
	if got := answer("4"); got != c {
		t.Errorf("of one that could not be written: %+v", got)
	}
}

// TestKeeperBound: too many records drop the oldest, and who waits for it is told.
func TestKeeperBound(t *testing.T) {
	k := idleKeeper(2)
	told := make(chan struct{})
	k.keep(&record{ID: "a", Detached: true}, func() { close(told) })
	k.keep(&record{ID: "b", Detached: true}, nil)
	k.keep(&record{ID: "b", Detached: true, Last: 5}, nil) // in the place of the one before
	if k.take("a") == nil || k.take("a") != nil {
		t.Error("a record is not taken once")
	}
	k.keep(&record{ID: "a", Detached: true}, func() { close(told) })
	k.keep(&record{ID: "c", Detached: true}, nil)
	if c := k.take("b"); c != nil {
		t.Errorf("the oldest of three is still there: %+v", c)
	}
	k.keep(&record{ID: "d", Detached: true}, nil)
	<-told
	if k.take("a") != nil || k.take("c") == nil || k.take("d") == nil {
		t.Error("the wrong ones were dropped")
	}
	k.keep(&record{ID: "e"}, nil)
	if k.take("e") != nil {
		t.Error("the checkpoint of a session that is connected was taken for one that waits")
	}
}
