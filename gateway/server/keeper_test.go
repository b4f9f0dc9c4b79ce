package server

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
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

// TestKeeperClaim: a client that comes back does not get a record that may be where all
// nodes find it, and looks there when the keeper is done with it.
func TestKeeperClaim(t *testing.T) {
	k := idleKeeper(10)
	f := func(when string, want *record, wait bool) {
		t.Helper()
		if c, writing := k.claim("a"); c != want || writing != wait {
			t.Errorf("%s: %v, %t, want %v, %t", when, c, writing, want, wait)
		}
	}
	c := &record{ID: "a", Detached: true}
	f("nothing", nil, false)
	k.keep(c, nil)
	f("waiting", c, false)
	f("taken", nil, false)
	k.keep(c, nil)
	keys, batch := k.next()
	f("flying", nil, true)
	k.again(keys, batch)
	f("unsure", nil, true)
	k.next()
	k.again(nil, nil)
	f("written", nil, false)
}

// hanging is a broker that does not answer, but writes if it is given some time.
type hanging struct {
	broker.Broker
	keys []string
}

func (b *hanging) Get(ctx context.Context, _ string) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (b *hanging) Put(ctx context.Context, values []broker.Value) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(keeperTimeout * 3 / 4):
	}
	for _, v := range values {
		b.keys = append(b.keys, v.Key)
	}
	return nil
}

// TestKeeperChecks: checks that take long leave time to write what needs none, and what
// was not checked is not written, and waits.
func TestKeeperChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := idleKeeper(10)
		b := new(hanging)
		k.server.relay = &relay{server: k.server, broker: b}
		k.keep(&record{ID: "unsure", Detached: true}, func() { t.Error("what was not checked passes for written") })
		k.again(k.next())
		written := false
		k.keep(&record{ID: "sure", Detached: true}, func() { written = true })
		if !k.write(t.Context()) || !written || !slices.Equal(b.keys, []string{sessionKey("sure")}) {
			t.Errorf("written: %t, %q", written, b.keys)
		}
		if _, writing := k.claim("unsure"); !writing || k.flies("sure") {
			t.Error("what was not checked does not wait, or the round has not ended")
		}
	})
}
