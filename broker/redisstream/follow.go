package redisstream

import (
	"sync"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// follow is a group that this node reads.
type follow struct {
	// Static.
	group broker.Group
	key   string
	slot  uint16
	since time.Time // when Subscribe was called

	// Owned by the read loop that has it.
	ghost bool // nobody follows it: it is only looked at, once
	open  bool
	last  broker.Position // of the last entry that was read

	// Guarded by follows.mu.
	master  *master   // whose read loop reads it
	dirty   bool      // to be read: among master.dirty, unless it is being read
	reading bool      // a read loop has it
	audit   bool      // what is held of it must be found, too
	moved   bool      // it is at another master than before
	verify  bool      // the entry last must be found before anything after it is believed
	gone    bool      // Unsubscribe was called
	swept   bool      // marked by the sweep, and not by a ring
	later   bool      // it is marked in a moment
	found   time.Time // when a sweep found what no ring had told of; zero: never, or it rang since
}

// follows is the groups that this node reads, by their key. Rings come for every key
// of every node, so that the look-up of one that is not ours must be cheap.
type follows struct {
	mu     sync.Mutex // guards what follows, parts of each follow, and each master's dirty; held for moments
	layout *layout
	doubt  bool // what was acked in other groups is to be looked for
	byKey  map[string]*follow
	ghosts map[string]*follow // that are to be looked at, by their key
}

func (f *follows) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.byKey)
}

// Subscribe opens a group; a read loop answers.
func (b *Broker) Subscribe(g broker.Group) {
	fo := &follow{group: g, key: b.key(g), since: time.Now()}
	fo.slot = b.slotOf(g)
	f := &b.follows
	f.mu.Lock()
	defer f.mu.Unlock()
	f.byKey[fo.key] = fo
	fo.master = f.layout.of(fo.slot)
	f.mark(fo)
}

// Unsubscribe forgets a group.
func (b *Broker) Unsubscribe(g broker.Group) {
	f := &b.follows
	f.mu.Lock()
	defer f.mu.Unlock()
	if fo := f.byKey[b.key(g)]; fo != nil {
		fo.gone = true
		delete(f.byKey, fo.key)
	}
}

// mark has a group read. Called with mu held.
func (f *follows) mark(fo *follow) {
	if !fo.dirty {
		fo.dirty = true
		f.push(fo)
	}
}

// push puts a dirty group on its master's list, unless it is being read: then done
// does so. Called with mu held.
func (f *follows) push(fo *follow) {
	if !fo.reading {
		fo.master.dirty = append(fo.master.dirty, fo)
		fo.master.signal()
	}
}

// ring marks the groups of the keys that changed.
func (f *follows) ring(keys []any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range keys {
		if key, ok := k.(string); ok {
			if fo := f.byKey[key]; fo != nil {
				fo.found, fo.swept = time.Time{}, false
				f.mark(fo)
			}
		}
	}
}

// resync has every group of a master read and verified; of one that has no slot it is
// not known which they are.
func (b *Broker) resync(m *master) {
	f := &b.follows
	f.mu.Lock()
	defer f.mu.Unlock()
	f.doubted(b)
	m.doubts++
	all := f.layout != nil && !f.layout.has(m)
	for _, fo := range f.byKey {
		if all || fo.master == m {
			fo.master.doubts++
			fo.verify, fo.audit, fo.swept = true, true, false
			f.mark(fo)
		}
	}
}

// distrust has every group of a master verified when it is read next.
func (f *follows) distrust(m *master) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.doubts++
	for _, fo := range f.byKey {
		if fo.master == m {
			fo.verify, fo.audit = true, true
		}
	}
	f.doubted(m.broker)
}

// doubtful reports whether the groups of a master were to be verified since its batch was
// taken: the batch may have been read from another history than the one before.
func (m *master) doubtful() bool {
	f := &m.broker.follows
	f.mu.Lock()
	defer f.mu.Unlock()
	return m.doubts != m.taken
}

// rehome replaces the layout. Groups whose master is another now are verified by
// that one's read loop, once the old one has let go of them.
func (f *follows) rehome(l *layout) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.layout = l
	f.doubted(l.slots[0].broker)
	for _, some := range []map[string]*follow{f.byKey, f.ghosts} {
		for _, fo := range some {
			if m := l.of(fo.slot); m != fo.master {
				fo.master, fo.verify, fo.audit, fo.moved, fo.swept = m, true, true, true, false
				fo.dirty = true
				f.push(fo)
			}
		}
	}
}

// take returns up to limit groups that a master's read loop is to read, marked as
// clean. A ring that comes while they are being read marks them again. What was
// marked and has another master by now is on that one's list.
func (f *follows) take(m *master, dst []work, limit int) []work {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.taken = m.doubts
	n := 0
	for _, fo := range m.dirty {
		if len(dst) == limit {
			break
		}
		n++
		if fo.master != m || !fo.dirty || fo.reading {
			continue
		}
		fo.dirty = false
		if !fo.gone {
			fo.reading = true
			dst = append(dst, work{follow: fo, verify: fo.verify && fo.open, audit: fo.audit || fo.ghost, moved: fo.moved, swept: fo.swept})
			fo.verify, fo.audit, fo.moved, fo.swept = false, false, false, false
		}
	}
	rest := copy(m.dirty, m.dirty[n:])
	clear(m.dirty[rest:])
	m.dirty = m.dirty[:rest]
	return dst
}

// gaveUp reports whether a group of a batch was given up since it was taken: what was
// said to it afterwards is not for us.
func (f *follows) gaveUp(fo *follow) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fo.gone
}

// done lets go of what take returned.
func (f *follows) done(batch []work) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range batch {
		w.reading = false
		switch {
		case w.dirty:
			f.push(w.follow)
		case w.ghost:
			delete(f.ghosts, w.key)
		}
	}
}

// again has a group read once more, and if verify is set, verified.
func (f *follows) again(fo *follow, verify bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fo.verify = fo.verify || verify
	f.mark(fo)
}

// afresh has a group read once more, and nothing believed that was not seen; moved
// says that it came from another master, and has not been read of its new one yet.
func (f *follows) afresh(fo *follow, moved bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fo.doubt(moved)
	f.mark(fo)
}

// wary is afresh when the group is marked for another reason.
func (f *follows) wary(fo *follow, moved bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fo.doubt(moved)
}

// doubt has nothing of a group believed that was not seen. Called with mu held.
func (fo *follow) doubt(moved bool) {
	fo.verify, fo.audit, fo.moved = true, true, fo.moved || moved
}

// refusalPause is how long a group waits whose repair Redis has refused to write.
const refusalPause = 500 * time.Millisecond

// later is afresh in a moment, or at the next ring.
func (f *follows) later(fo *follow, moved bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fo.doubt(moved)
	if fo.later {
		return
	}
	fo.later = true
	time.AfterFunc(refusalPause, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		fo.later = false
		f.mark(fo)
	})
}
