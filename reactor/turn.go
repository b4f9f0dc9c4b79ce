package reactor

import "time"

// Defer has f run once at the end of this turn of the loop, before what was queued
// is written: so that what many messages of one turn lead to can be done in one
// go. Loop only. What is deferred meanwhile runs too, in the same turn; so f must
// not defer itself without end. A panic in f is contained like a post's. If the
// loop ends before f was begun, the next loop runs it. Allocates nothing.
func (w *Worker) Defer(f func(*Worker)) { w.deferred.add(f) }

// Gather has f run once, in this turn or a later one: when the loop has nothing else to
// read, or after longTurn, so that what many turns lead to can be done in one go. It runs
// behind what is urgent and was posted before; what it sends is written after it. Loop
// only. A panic in f is contained like a post's. If the loop ends before f was begun, the
// next loop runs it. Allocates nothing.
func (w *Worker) Gather(f func(*Worker)) {
	if !w.gathered.waits() {
		w.gathering, w.gatheredTurn = time.Now(), w.turns
	}
	w.gathered.add(f)
}

// runGathered runs what was gathered for, unless something was read since the loop was
// here last: then more may come. The socket that wakes the loop stands behind those that
// were readable before it.
func (w *Worker) runGathered() {
	if w.gathered.waits() && w.gatheredTurn != w.turns && time.Since(w.gathering) < longTurn {
		w.gatheredTurn = w.turns
		return
	}
	w.gathered.run(w)
}

// endTurn is what every turn ends with: what was deferred, and one write to each
// connection that was sent to. Who was a slow reader and is none any more may then
// go on, once: if that leads to another Drained it is the next turn's, since a
// client that reads as fast as it is written to would keep the loop for itself.
func (w *Worker) endTurn() {
	w.deferred.run(w)
	w.flush()
	if len(w.drained) == 0 {
		return
	}
	w.tellDrained()
	w.deferred.run(w)
	w.flush()
	if len(w.drained) > 0 {
		w.inbox.rouse()
	}
}

// tellDrained calls Drained for everybody who waits for it. The list is emptied
// from its end first, so that a handler that ends the loop is not called again.
func (w *Worker) tellDrained() {
	for n := len(w.drained); n > 0; n-- {
		c := w.drained[n-1]
		w.drained[n-1] = nil
		w.drained = w.drained[:n-1]
		if c.state == open {
			c.tellDrained()
		}
	}
}

// tellDrained calls the handler's Drained.
func (c *Conn) tellDrained() {
	defer c.contain()
	c.handler.Drained(c)
}

// work is functions that run on a loop, in their order, each once.
type work struct {
	list    []func(*Worker)
	started int  // how many of them were
	yields  bool // what is urgent may come in between
}

// add appends a function; it may be called by one of them.
func (k *work) add(f func(*Worker)) { k.list = append(k.list, f) }

// waits reports whether there are any that were not begun.
func (k *work) waits() bool { return k.started < len(k.list) }

// run runs them to the end, past those that panic. If one ends the loop, the next
// loop goes on behind it.
func (k *work) run(w *Worker) {
	for k.waits() {
		k.next(w)
	}
	clear(k.list)
	k.list, k.started = k.list[:0], 0
}

// next runs them up to the end or the next panic. What has been started is never
// started again.
func (k *work) next(w *Worker) {
	defer func() {
		if v := recover(); v != nil {
			recovered(w.log, w.reactor.panics.post, "post", v)
		}
	}()
	for k.waits() {
		f := k.list[k.started]
		k.started++
		f(w)
		if k.yields {
			w.hasten()
		}
	}
}
