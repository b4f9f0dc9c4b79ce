package redisstream

import "time"

// yield is how long nodes that do not read a group leave it to those that do: these know
// more of it, and what comes late cannot be put back.
const yield = 300 * time.Millisecond

// doubted has the groups that this node does not read looked at in a moment: their server
// may have lost what was acked to it, or what it has read before, and nobody else may know.
// Called with mu held.
func (f *follows) doubted(b *Broker) {
	if !f.doubt {
		f.doubt = true
		time.AfterFunc(yield, b.lookAround)
	}
}

// lookAround has them looked at, each as if it were followed for that moment. One that
// still waits for it, because its server is away, does not wait twice.
func (b *Broker) lookAround() {
	f := &b.follows
	f.mu.Lock()
	f.doubt = false
	f.mu.Unlock()
	for g, last := range b.rings.newest() {
		f.haunt(&follow{group: g, key: b.key(g), slot: b.slotOf(g), since: time.Now(), ghost: true, open: true, last: last})
	}
}

// haunt has a group looked at that nobody follows.
func (f *follows) haunt(fo *follow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byKey[fo.key] != nil {
		return
	}
	if waiting := f.ghosts[fo.key]; waiting == nil {
		fo.master = f.layout.of(fo.slot)
		f.ghosts[fo.key] = fo
	} else {
		if !waiting.reading {
			waiting.last = fo.last
		}
		fo = waiting
	}
	f.mark(fo)
}
