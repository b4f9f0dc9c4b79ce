package server

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
)

func at(ms uint64) broker.Position { return broker.Position{Ms: ms} }

// TestWindowRuns: messages of one group that follow each other are one run, until it is
// long; another group, a jump, or a hole between begins another.
func TestWindowRuns(t *testing.T) {
	const limit = 4096
	var w window
	add := func(group string, from, last uint64, count int) {
		w.add(sent{Group: group, First: w.next(limit), Count: count, From: at(from), Last: at(last)})
	}
	add("a", 1, 2, 1)
	add("a", 2, 4, 2)
	add("b", 7, 8, 1)
	add("a", 4, 5, 1)
	add("a", 6, 7, 1) // not from where the one before ended
	want := []sent{
		{"a", 1, 3, at(1), at(4)}, {"b", 4, 1, at(7), at(8)}, {"a", 5, 1, at(4), at(5)}, {"a", 6, 1, at(6), at(7)},
	}
	if !reflect.DeepEqual(w.runs, want) || w.unacked != 6 || w.last != 6 {
		t.Fatalf("%+v", w)
	}
	w.ack(2) // in the middle of a run: all of it stays
	if len(w.runs) != 4 || w.acked != 2 {
		t.Errorf("after the ack of 2: %+v", w)
	}
	w.ack(4)
	w.ack(1) // acks do not go back
	if len(w.runs) != 2 || w.unacked != 2 || w.acked != 4 {
		t.Errorf("after the ack of 4: %+v", w)
	}
	w.ack(1 << 60) // more than was sent
	if len(w.runs) != 0 || w.unacked != 0 || w.acked != 6 {
		t.Errorf("after the ack of all: %+v", w)
	}
	for i := range uint64(runLength + 1) {
		add("a", i, i+1, 1)
	}
	if len(w.runs) != 2 || w.runs[0].Count != runLength {
		t.Errorf("%d runs, the first of %d", len(w.runs), w.runs[0].Count)
	}
}

// TestWindowBound: from half of the bound on numbers jump now and then, and at the bound
// nothing more is sent; many short runs count as many messages.
func TestWindowBound(t *testing.T) {
	const limit = 1024
	var w window
	jumps, sentAll := 0, 0
	for !w.full(limit) {
		before := w.last
		w.add(sent{Group: "a", First: w.next(limit), Count: 1, From: at(uint64(sentAll)), Last: at(uint64(sentAll + 1))})
		sentAll++
		if w.last > before+1 {
			jumps++
			if sentAll <= limit/2 {
				t.Errorf("a jump after %d messages", sentAll)
			}
			if w.last-before < 300 {
				t.Errorf("a jump by %d only", w.last-before)
			}
		}
	}
	if sentAll != limit || jumps < 2 || jumps > 4 {
		t.Errorf("%d messages and %d jumps before it was full", sentAll, jumps)
	}
	w = window{}
	for i := 0; !w.full(limit); i++ {
		w.add(sent{Group: string(rune('a' + i%2)), First: w.next(limit), Count: 1, From: at(uint64(i)), Last: at(uint64(i + 1))})
	}
	if len(w.runs) != limit/runShare {
		t.Errorf("full with %d runs", len(w.runs))
	}
}

// TestRecordRoundTrip: what is kept of a session is what it was.
func TestRecordRoundTrip(t *testing.T) {
	c := &record{
		ID: "id", Hub: "chat", User: "ann", Token: "t", Owner: "n", Detached: true, Last: 1 << 62, Acked: 7,
		Groups: []place{{"g", broker.Position{Ms: 1 << 63, Seq: 5}, true, false, broker.Position{}}, {everyone, broker.Position{}, false, true, broker.Position{Seq: 5}}},
		Runs:   []sent{{"g\u2028\"", 8, 3, at(1), at(9)}},
		Acks:   []ackRun{{1, 5}, {7, 7}},
	}
	got, err := decodeRecord(c.encode())
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%v, %+v", err, got)
	}
}

// TestAcksRestored: a memory that was written and restored knows the same.
func TestAcksRestored(t *testing.T) {
	var a, b ackMemory
	for range 500 {
		id := rand.Uint64N(2000)
		if a.begin(id) == ackNew {
			a.end(id, rand.IntN(3) > 0)
		}
	}
	b.restore(a.runsDone())
	for id := range uint64(2000) {
		if a.done(id) != b.done(id) {
			t.Fatalf("id %d: %v, restored %v", id, a.done(id), b.done(id))
		}
	}
	if b.pending() {
		t.Error("something is asked that was not")
	}
}

// TestBeyond: who goes on twice from the same record, because the broker has lost what
// was written later, is given other numbers than the first time.
func TestBeyond(t *testing.T) {
	const kept = 7
	first := beyond(kept)
	had := first + 1000              // what was sent after the first time
	time.Sleep(2 * time.Millisecond) // which a thousand messages take
	if again := beyond(kept); again <= had {
		t.Errorf("numbers go on from %d, and the client has had up to %d", again, had)
	}
	if far := uint64(1 << 60); beyond(far) <= far {
		t.Error("numbers go back")
	}
}
