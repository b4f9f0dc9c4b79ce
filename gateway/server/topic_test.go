package server

import (
	"slices"
	"testing"

	"github.com/tidegate/tidegate/broker"
)

func TestWorkerSet(t *testing.T) {
	f := func(want ...int) {
		t.Helper()
		var w workerSet
		if !w.empty() {
			t.Fatal("a new set is not empty")
		}
		for _, i := range want {
			w.add(i)
		}
		if got := slices.Collect(w.each); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	f()
	f(0)
	f(1, 63, 64, 127, 200, MaxWorkers-1)
	var w workerSet
	w.add(3)
	w.add(70)
	for i := range w.each {
		if i != 3 {
			t.Fatalf("went on to %d after it was told to stop", i)
		}
		break
	}
}

func TestTopicAdvance(t *testing.T) {
	tp := &topic{workers: make([]share, 3)}
	s := &session{endpoint: &endpoint{}, dialect: simpleDialect}
	m := tp.join(s, 1, broker.Position{})
	at := broker.Position{Ms: 5, Seq: 1}
	if s := tp.advance(at); !s.workers.empty() || !tp.last.IsZero() {
		t.Fatal("a topic that is not open passed a message on")
	}
	tp.open = true
	next := tp.advance(at)
	if got := slices.Collect(next.workers.each); !slices.Equal(got, []int{1}) {
		t.Errorf("workers %v, want 1", got)
	}
	if !next.wanted[simplePlain] || next.wanted[jsonPlain] || tp.last != at {
		t.Errorf("wanted %v, last %v", next.wanted, tp.last)
	}
	if !tp.leave(m, 1) || tp.leave(m, 1) {
		t.Error("a membership does not end once")
	}
	if s := tp.advance(at); !s.workers.empty() || !tp.empty() {
		t.Error("nobody is left, and yet somebody gets messages")
	}
}
