package server

import (
	"math/rand/v2"
	"testing"
)

func TestAckMemory(t *testing.T) {
	var a ackMemory
	f := func(id uint64, want ackState) {
		t.Helper()
		if got := a.begin(id); got != want {
			t.Fatalf("begin(%d) = %v, want %v", id, got, want)
		}
	}
	f(1, ackNew)
	f(1, ackPending)
	a.end(1, true)
	f(1, ackDone)
	f(2, ackNew)
	a.end(2, false)
	f(2, ackNew) // a failure may be tried again
	a.end(2, true)
	f(2, ackDone)
	f(0, ackNew) // ids may come in any order
	f(1<<63, ackNew)
	f(3, ackNew)
	f(3, ackPending)
	const last = 1<<64 - 1 // no id comes after it
	f(last, ackNew)
	a.end(last, true)
	a.end(0, true)
	f(last, ackDone)
	f(0, ackDone)
	f(last-1, ackNew)
}

// TestAckMemoryRuns: ids that are done one after the other cost nothing, in whatever
// order their answers come.
func TestAckMemoryRuns(t *testing.T) {
	var a ackMemory
	const ids = 5000
	for id := uint64(1); id <= ids; id += 4 {
		for k := range uint64(4) {
			if a.begin(id+k) != ackNew {
				t.Fatalf("%d is not new", id+k)
			}
		}
		for _, k := range []uint64{1, 3, 0, 2} {
			a.end(id+k, true)
		}
	}
	if a.run != (ackRun{1, ids}) || a.more != nil || a.asks {
		t.Errorf("what was done is %+v and %+v", a.run, a.more)
	}
	for id := uint64(1); id <= ids; id++ {
		if a.begin(id) != ackDone {
			t.Fatalf("%d was forgotten", id)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		next := a.run.Last + 1
		a.begin(next)
		a.end(next, true)
	}); n != 0 {
		t.Errorf("a request costs %v allocations", n)
	}
}

// TestAckMemoryAgainstSet asks and answers at random beside a plain set, new ids and old
// ones, in any order, done and failed.
func TestAckMemoryAgainstSet(t *testing.T) {
	for range 200 {
		var a ackMemory
		known := map[uint64]ackState{}
		for range 400 {
			id := rand.Uint64N(60)
			if got := a.begin(id); got != known[id] {
				t.Fatalf("%d is %d, want %d", id, got, known[id])
			} else if got == ackNew {
				known[id] = ackPending
			}
			id = rand.Uint64N(60)
			if known[id] != ackPending {
				continue
			}
			success := rand.IntN(3) > 0
			a.end(id, success)
			if known[id] = ackNew; success {
				known[id] = ackDone
			}
		}
	}
}

// TestAckMemoryIsBounded: of ids with holes between them the last thousand are
// remembered, and not many more.
func TestAckMemoryIsBounded(t *testing.T) {
	var a ackMemory
	for id := uint64(0); id < 3*ackMemorySize; id++ {
		if a.begin(10*id) != ackNew {
			t.Fatalf("%d is not new", 10*id)
		}
		a.end(10*id, true)
	}
	if n := len(a.more.runs); n != ackMemorySize || len(a.more.asked) != 0 {
		t.Fatalf("remembers %d runs, %d asked", n, len(a.more.asked))
	}
	if a.begin(10*(3*ackMemorySize-ackMemorySize)) != ackDone {
		t.Error("one of the last thousand was forgotten")
	}
	if a.begin(10) != ackNew {
		t.Error("the second is still known")
	}
}
