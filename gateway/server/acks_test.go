package server

import "testing"

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
}

// TestAckMemoryIsBounded: the last thousand are remembered, and no more.
func TestAckMemoryIsBounded(t *testing.T) {
	var a ackMemory
	for id := uint64(1); id <= 2*ackMemorySize; id++ {
		if a.begin(id) != ackNew {
			t.Fatalf("%d is not new", id)
		}
		a.end(id, true)
	}
	if len(a.done) != ackMemorySize || len(a.pending) != 0 {
		t.Fatalf("remembers %d done, %d pending", len(a.done), len(a.pending))
	}
	if a.begin(ackMemorySize) != ackNew {
		t.Error("an id from before the last thousand is still known")
	}
	if a.begin(ackMemorySize+1) != ackDone {
		t.Error("the oldest of the last thousand was forgotten")
	}
}
