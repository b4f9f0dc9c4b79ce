package server

import "slices"

// ackMemorySize is how many runs of done ackIds a connection remembers beside the
// newest; clients of the protocol expect the last thousand ids to be known.
const ackMemorySize = 1000

// ackMemory knows which ackIds of a connection were done, so that a request that
// is sent twice is done once. The zero value is empty. Owned by the session's loop.
//
// Client libraries count their ids upwards, and nearly all requests succeed: so what
// was done is one run of ids, which is two numbers, and at most one request is asked
// at a time. Only a client that does otherwise has more.
type ackMemory struct {
	run   ackRun
	asked uint64 // and not answered yet, if asks
	more  *ackRest
	asks  bool
	runs  bool // there is a run
}

// ackRun is the ids from the first to the last.
type ackRun struct{ First, Last uint64 }

func (r ackRun) has(id uint64) bool { return r.First <= id && id <= r.Last }

// before reports whether the run ends just before an id.
func (r ackRun) before(id uint64) bool { return id > 0 && r.Last == id-1 }

// runsDone is all that was done, the oldest first.
func (a *ackMemory) runsDone() (all []ackRun) {
	if a.more != nil {
		all = append(all, a.more.runs...)
	}
	if a.runs {
		all = append(all, a.run)
	}
	return all
}

// restore has an empty memory know what was done elsewhere.
func (a *ackMemory) restore(all []ackRun) {
	if len(all) == 0 {
		return
	}
	last := len(all) - 1
	a.run, a.runs = all[last], true
	if last > 0 {
		r := a.rest()
		r.runs = slices.Clone(all[max(0, last-ackMemorySize):last])
		for _, run := range r.runs {
			r.highest = max(r.highest, run.Last)
		}
	}
}

// ackRest is the other runs, the oldest first, and the other ids that were asked.
type ackRest struct {
	runs    []ackRun
	asked   []uint64
	highest uint64 // nothing above it is in either, so that a new id is not looked for
}

// may reports whether an id could be among the rest.
func (r *ackRest) may(id uint64) bool { return r != nil && id <= r.highest }

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
	if a.done(id) {
		return ackDone
	}
	if a.awaited(id) {
		return ackPending
	}
	if !a.asks {
		a.asked, a.asks = id, true
	} else {
		r := a.rest()
		r.asked, r.highest = append(r.asked, id), max(r.highest, id)
	}
	return ackNew
}

func (a *ackMemory) done(id uint64) bool {
	return a.runs && a.run.has(id) || a.more.may(id) && slices.ContainsFunc(a.more.runs, func(r ackRun) bool { return r.has(id) })
}

// awaited reports whether the request with this id was asked and is not answered yet.
func (a *ackMemory) awaited(id uint64) bool {
	return a.asks && a.asked == id || a.more.may(id) && slices.Contains(a.more.asked, id)
}

// pending reports whether something was asked that is not answered yet.
func (a *ackMemory) pending() bool { return a.asks || a.more != nil && len(a.more.asked) > 0 }

func (a *ackMemory) rest() *ackRest {
	if a.more == nil {
		a.more = new(ackRest)
	}
	return a.more
}

// end notes the outcome: a success is remembered, a failure is forgotten, so
// that it may be tried again with the same id.
func (a *ackMemory) end(id uint64, success bool) {
	if a.asks && a.asked == id {
		a.asks = false
	} else if a.more != nil {
		if i := slices.Index(a.more.asked, id); i >= 0 {
			a.more.asked = slices.Delete(a.more.asked, i, i+1)
		}
	}
	if success {
		a.add(id)
	}
	if a.more != nil && len(a.more.asked) == 0 && len(a.more.runs) == 0 {
		a.more = nil
	}
}

// add puts an id to the run that it continues, or begins one.
func (a *ackMemory) add(id uint64) {
	switch {
	case !a.runs:
		a.run, a.runs = ackRun{id, id}, true
	case a.run.before(id):
		a.run.Last = id
	case (ackRun{id, id}).before(a.run.First):
		a.run.First = id
	default:
		r := a.rest()
		if len(r.runs) == ackMemorySize {
			r.runs = slices.Delete(r.runs, 0, 1)
		}
		r.runs, r.highest = append(r.runs, a.run), max(r.highest, a.run.Last)
		a.run = ackRun{id, id}
	}
	a.join()
}

// join makes one of the newest run and those that touch it.
func (a *ackMemory) join() {
	if a.more == nil {
		return
	}
	a.more.runs = slices.DeleteFunc(a.more.runs, func(r ackRun) bool {
		switch {
		case r.before(a.run.First):
			a.run.First = r.First
		case a.run.before(r.First):
			a.run.Last = r.Last
		default:
			return false
		}
		return true
	})
}
