package door

import (
	"testing"
	"time"
)

// TestQueue: first come, first served; what is too old goes; empty holds nothing.
func TestQueue(t *testing.T) {
	var q queue
	start := time.Now()
	a, b := new(guest), new(guest)
	q.add(a, start)
	q.add(b, start.Add(time.Second))
	if got := q.before(start.Add(time.Millisecond), 2); len(got) != 1 || got[0] != a || q.len() != 1 {
		t.Errorf("too old are %d, left %d", len(got), q.len())
	}
	q.add(a, start.Add(2*time.Second))
	if first, ok := q.take(); !ok || first != b {
		t.Error("the first to come was not the first to be served")
	}
	if got := q.drain(); len(got) != 1 || got[0] != a || q.waiting != nil {
		t.Errorf("drained %d, and %d places are kept", len(got), cap(q.waiting))
	}
	if _, ok := q.take(); ok {
		t.Error("took somebody from an empty queue")
	}
}

// TestSift: who has not said what it wants is found, the others keep their order, and
// nobody is asked twice.
func TestSift(t *testing.T) {
	var q queue
	all := make([]*guest, 6)
	words := make(map[*guest]word)
	for i := range all {
		all[i] = new(guest)
		words[all[i]] = said
		q.add(all[i], time.Now())
	}
	words[all[2]], words[all[4]] = unsaid, gone
	asked := 0
	hear := func(g *guest) word {
		asked++
		return words[g]
	}
	if g, _ := q.take(); g != all[0] {
		t.Error("the first was not the first")
	}
	for _, want := range []*guest{all[2], all[4], nil, nil} {
		if g := q.sift(hear); g != want {
			t.Errorf("sifted out %p, want %p", g, want)
		}
	}
	if asked != 5 {
		t.Errorf("%d were asked, want each of 5 once", asked)
	}
	for _, want := range []*guest{all[1], all[3], all[5]} {
		if g, _ := q.take(); g != want {
			t.Errorf("took %p, want %p", g, want)
		}
	}
}
