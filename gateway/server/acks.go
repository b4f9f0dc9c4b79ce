package server

import "slices"

// ackMemorySize is how many successful ackIds a connection remembers, as clients
// of the protocol expect it.
const ackMemorySize = 1000

// ackMemory knows which ackIds of a connection were done, so that a request that
// is sent twice is done once. The zero value is empty and costs nothing. Owned by
// the session's loop.
//
// Client libraries count their ids upwards, so a new id is nearly always above
// all others, which one comparison shows; the list is searched only for an id
// from the past.
type ackMemory struct {
	highest uint64
	done    []uint64 // a ring once it has ackMemorySize ids
	next    int      // where the ring's next id goes
	pending []uint64 // asked for and not answered yet
}

// ackState is what is known about an ackId.
type ackState uint8

const (
	ackNew ackState = iota
	ackPending
	ackDone
)

// begin notes that the request with this id is about to be done, and says
// whether it was asked for before.
func (a *ackMemory) begin(id uint64) ackState {
	if id <= a.highest {
		if slices.Contains(a.done, id) {
			return ackDone
		}
		if slices.Contains(a.pending, id) {
			return ackPending
		}
	}
	a.highest = max(a.highest, id)
	a.pending = append(a.pending, id)
	return ackNew
}

// end notes the outcome: a success is remembered, a failure is forgotten, so
// that it may be tried again with the same id.
func (a *ackMemory) end(id uint64, success bool) {
	if i := slices.Index(a.pending, id); i >= 0 {
		a.pending = slices.Delete(a.pending, i, i+1)
	}
	if len(a.pending) == 0 {
		a.pending = nil // most clients ask seldom, and there are many of them
	}
	switch {
	case !success:
	case len(a.done) < ackMemorySize:
		a.done = append(a.done, id)
	default:
		a.done[a.next] = id
		a.next = (a.next + 1) % ackMemorySize
	}
}
