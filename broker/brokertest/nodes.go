package brokertest

import (
	"fmt"
	"testing"

	"github.com/tidegate/tidegate/broker"
)

// twoNodes: both nodes deliver the messages of both, in one order. A broker that
// can have only one node has nothing to show here.
func twoNodes(t *testing.T, s Suite) {
	one := start(t, s, limits())
	if s.Another == nil {
		return
	}
	two := open(t, s.Another, limits())
	one.subscribe(lobby)
	two.subscribe(lobby)
	const each = 500
	for i := range each {
		one.send(message(lobby, fmt.Sprint("one ", i)))
		two.send(message(lobby, fmt.Sprint("two ", i)))
	}
	for range 2 * each {
		a, b := one.next(lobby), two.next(lobby)
		if a.Position != b.Position || string(a.Data) != string(b.Data) {
			t.Fatalf("one delivers %s at %s, two %s at %s", a.Data, a.Position, b.Data, b.Position)
		}
	}
}

// lateNode: a node that comes later reads what was said before it came.
func lateNode(t *testing.T, s Suite) {
	one := start(t, s, limits())
	if s.Another == nil {
		return
	}
	at := one.publish(lobby, "before")
	two := open(t, s.Another, limits())
	all, err := two.broker.Read(t.Context(), lobby, broker.Position{}, 10)
	if err != nil || len(all) != 1 || all[0].Position != at {
		t.Errorf("the second node reads %v, %v; want the message at %s", all, err, at)
	}
	if opened := two.subscribe(lobby); opened != at {
		t.Errorf("the second node opens the group at %s, want %s", opened, at)
	}
}
