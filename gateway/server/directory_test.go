package server

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/auth"
)

// TestDirectory: who is found is who was added and not removed, by name and by user, one
// or many of them, in their hub.
func TestDirectory(t *testing.T) {
	s := &Server{Config: Config{}}
	d := directory{make(map[connectionID]*session), make(map[account]sessions)}
	chat, game := &endpoint{server: s, hub: "chat"}, &endpoint{server: s, hub: "game"}
	add := func(e *endpoint, user string) *session {
		one := &session{endpoint: e, identity: &auth.Identity{User: user}, id: newConnectionID()}
		d.add(one)
		return one
	}
	f := func(o Order, want ...*session) {
		t.Helper()
		var got []*session
		for s := range d.of(&o) {
			got = append(got, s)
		}
		for _, s := range want {
			if !slices.Contains(got, s) {
				t.Errorf("%+v: %s is not found", o, s.id)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%+v: %d are found, want %d", o, len(got), len(want))
		}
	}
	a, b, c, g := add(chat, "ann"), add(chat, "ann"), add(chat, "ann"), add(game, "ann")
	nobody, bob := add(chat, ""), add(chat, "bob")
	f(Order{Hub: "chat", User: "ann"}, a, b, c)
	f(Order{Hub: "game", User: "ann"}, g)
	f(Order{Hub: "chat", User: "bob"}, bob)
	f(Order{Hub: "chat"}, a, b, c, nobody, bob)
	f(Order{Hub: "chat", Connection: b.id.String()}, b)
	f(Order{Hub: "game", Connection: b.id.String()})
	f(Order{Hub: "chat", Connection: "b"})
	d.remove(b)
	d.remove(b)
	f(Order{Hub: "chat", User: "ann"}, a, c)
	d.remove(a)
	d.remove(c)
	f(Order{Hub: "chat", User: "ann"})
	d.remove(c)
	for _, s := range []*session{g, nobody, bob} {
		d.remove(s)
	}
	if len(d.byID)+len(d.byUser) > 0 {
		t.Errorf("%d and %d are left", len(d.byID), len(d.byUser))
	}
}

// TestLately: what was noted is found for a minute, with its highest value, and does not
// stay for ever.
func TestLately(t *testing.T) {
	var l lately[string]
	now := time.Unix(1790000000, 0)
	if _, ok := l.get("a"); ok {
		t.Error("something was noted")
	}
	l.note("a", 7, now)
	l.note("a", 5, now)
	if v, ok := l.get("a"); !ok || v != 7 {
		t.Errorf("got %d, %v, want 7", v, ok)
	}
	for i := range 1000 {
		l.note(strconv.Itoa(i), 0, now.Add(time.Duration(i)*time.Second))
	}
	if n := len(l.noted); n > 2*int(latelyKept/time.Second) {
		t.Errorf("%d are kept", n)
	}
	if _, ok := l.get("999"); !ok {
		t.Error("the last one is not kept")
	}
}

// TestErrandsOrder: errands of a worker are done in the order in which they came, and no
// more of them wait than may.
func TestErrandsOrder(t *testing.T) {
	n := start(t, 1, 100)
	e := &n.errands[0]
	held, hold := make(chan struct{}), make(chan struct{})
	e.add(errand{do: func() { close(held); <-hold }})
	<-held
	var done []int
	for i := range errandLimit {
		if !e.add(errand{do: func() { done = append(done, i) }}) {
			t.Fatalf("errand %d is refused", i)
		}
	}
	if e.add(errand{do: func() { t.Error("one was done that was refused") }}) {
		t.Error("one too many is taken")
	}
	close(hold)
	ended := make(chan struct{})
	for !e.add(errand{do: func() { close(ended) }}) {
		time.Sleep(time.Millisecond)
	}
	<-ended
	if len(done) != errandLimit || !slices.IsSorted(done) {
		t.Errorf("%d were done, sorted: %v", len(done), slices.IsSorted(done))
	}
}

// TestPermitsBound: the changes that go with a session are no more than there are groups
// in them, and no more than they may be.
func TestPermitsBound(t *testing.T) {
	var all []auth.Change
	add := func(right auth.Right, group string, granted bool) error {
		var err error
		all, err = addPermit(all, auth.Change{Right: right, Group: group, Granted: granted})
		return err
	}
	for i := range 10 {
		_ = add(auth.SendTo, "a", i%2 == 0)
		_ = add(auth.JoinLeave, "a", i%2 == 0)
	}
	if len(all) != 2 || all[0].Granted || all[1].Granted {
		t.Errorf("got %+v, want the last of each", all)
	}
	for i := range mostPermits - 2 {
		if err := add(auth.SendTo, strconv.Itoa(i), true); err != nil {
			t.Fatal(err)
		}
	}
	if err := add(auth.SendTo, "one too many", false); err == nil || len(all) != mostPermits {
		t.Errorf("%d are kept, %v", len(all), err)
	}
	if err := add(auth.SendTo, "", false); err != nil || len(all) != 2 {
		t.Errorf("after a change of all %d are kept, %v", len(all), err)
	}
}
