package server

import (
	"slices"

	"github.com/tidegate/tidegate/broker"
)

// window is what a reliable client was sent and has not acked: not the messages but
// where they stand, as runs of those that were sent one after the other from one group.
// Owned by the session's loop.
type window struct {
	last    uint64 // number of the message that was sent last
	acked   uint64 // up to where the client has acked
	runs    []sent
	unacked int    // messages in the runs
	jumped  uint64 // the number behind the last jump
}

// sent is a run: messages of a group between two positions, numbered on from the first.
// What was not sent to this client, because it said it itself, is not counted.
type sent struct {
	Group string
	First uint64
	Count int
	From  broker.Position // of what stood before the first
	Last  broker.Position
}

// end is the number of the run's last message.
func (s *sent) end() uint64 { return s.First + uint64(s.Count) - 1 }

const (
	// runLength is how many messages a run is at most: as a whole it is let go of, and as
	// a whole it is read again.
	runLength = 256
	// provoking is by how much numbers jump to have the client ack early: the JavaScript
	// client acks once a second, and at once after a jump by more than 300.
	provoking = 301
	// runShare is how many messages a run is at least on average before the runs are too
	// many: a run costs as much memory as a small message.
	runShare = 16
)

// full reports whether nothing more is sent until the client acks.
func (w *window) full(limit int) bool {
	return w.unacked >= limit || len(w.runs) >= max(limit/runShare, 1)
}

// next is the number of the next message. When the window is half full numbers jump now
// and then.
func (w *window) next(limit int) uint64 {
	n := w.last + 1
	if w.unacked >= limit/2 && w.last-w.jumped >= uint64(limit/8) {
		n += provoking
	}
	return n
}

// add notes messages that were sent, numbered from first, which next has given.
func (w *window) add(run sent) {
	if run.First != w.last+1 {
		w.jumped = run.First
	}
	w.last = run.end()
	w.unacked += run.Count
	if n := len(w.runs); n > 0 {
		before := &w.runs[n-1]
		if before.Group == run.Group && before.end()+1 == run.First && before.Last == run.From && before.Count+run.Count <= runLength {
			before.Count += run.Count
			before.Last = run.Last
			return
		}
	}
	w.runs = append(w.runs, run)
}

// ack notes that the client has everything up to a number.
func (w *window) ack(n uint64) {
	w.acked = max(w.acked, min(n, w.last))
	done := 0
	for done < len(w.runs) && w.runs[done].end() <= w.acked {
		w.unacked -= w.runs[done].Count
		done++
	}
	w.runs = slices.Delete(w.runs, 0, done)
	if len(w.runs) == 0 && cap(w.runs) > 64 {
		w.runs = nil // a burst's room
	}
}
