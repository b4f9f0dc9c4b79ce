package server

import (
	"errors"
	"testing"
	"time"
)

// TestOrderOfAnotherHub: a record that waits to be written is changed and dropped by orders
// to its own hub only.
func TestOrderOfAnotherHub(t *testing.T) {
	k := &keeper{wake: make(chan struct{}, 1), waiting: make(map[string]*keeping), flying: make(map[string]bool), server: &Server{}}
	k.server.Limits.Detached = 10
	k.keep(&record{ID: "a", Hub: "chat", Detached: true, Groups: []place{{Group: "g"}}}, nil)
	for _, hub := range []string{"game", "chat"} {
		o := &Order{Verb: LeaveAll, Hub: hub, Connection: "a"}
		if got := k.amend(o, o.amendment()); got != (hub == "chat") {
			t.Errorf("%s: amended is %v", hub, got)
		}
		k.drop(o)
		if kept := k.waiting[sessionKey("a")].record != nil; kept != (hub == "game") {
			t.Errorf("%s: kept is %v", hub, kept)
		}
	}
}

// TestSilentNode: an order is not said to be carried out while a node that lives has not
// answered.
func TestSilentNode(t *testing.T) {
	t.Parallel()
	n := start(t, 1, 100)
	if _, err := n.relay.broker.Lease(t.Context(), "ghost", time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Do(t.Context(), Order{Verb: Find, Hub: "chat", User: "ann"}); !errors.Is(err, ErrSilent) {
		t.Errorf("got %v, want ErrSilent", err)
	}
}
