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
	since time.Time // when Subscribe was called

	// Owned by readLoop.
	open bool
	last broker.Position // of the last entry that was read

	// Guarded by follows.mu.
	dirty  bool      // among follows.dirty
	verify bool      // the entry last must be found before anything after it is believed
	gone   bool      // Unsubscribe was called
	swept  bool      // marked by the sweep, and not by a ring
	found  time.Time // when a sweep found what no ring had told of; zero: never, or it rang since
}

// follows is the groups that this node reads, by their key, and which of them are
// to be read. Rings come for every key of every node, so that the look-up of one
// that is not ours must be cheap.
type follows struct {
	wake chan struct{}

	mu    sync.Mutex // guards what follows, and parts of each follow; held for moments
	byKey map[string]*follow
	dirty []*follow
}

func (f *follows) init() {
	f.wake = make(chan struct{}, 1)
	f.byKey = make(map[string]*follow)
}

func (f *follows) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.byKey)
}

// signal wakes readLoop.
func (f *follows) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Subscribe opens a group; readLoop answers.
func (b *Broker) Subscribe(g broker.Group) {
	fo := &follow{group: g, key: b.key(g), since: time.Now()}
	f := &b.follows
	f.mu.Lock()
	f.byKey[fo.key] = fo
	f.mark(fo)
	f.mu.Unlock()
	f.signal()
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
		f.dirty = append(f.dirty, fo)
	}
}

// ring marks the groups of the keys that changed.
func (f *follows) ring(keys []any) {
	f.mu.Lock()
	for _, k := range keys {
		if key, ok := k.(string); ok {
			if fo := f.byKey[key]; fo != nil {
				fo.found, fo.swept = time.Time{}, false
				f.mark(fo)
			}
		}
	}
	f.mu.Unlock()
	f.signal()
}

// resync has every group read and verified.
func (f *follows) resync() {
	f.mu.Lock()
	for _, fo := range f.byKey {
		fo.verify, fo.swept = true, false
		f.mark(fo)
	}
	f.mu.Unlock()
	f.signal()
}

// take returns up to limit groups that are to be read, marked as clean, and
// whether more are left. A ring that comes while they are being read marks them
// again.
func (f *follows) take(dst []work, limit int) (all []work, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := min(len(f.dirty), limit)
	for _, fo := range f.dirty[:n] {
		fo.dirty = false
		if !fo.gone {
			dst = append(dst, work{follow: fo, verify: fo.verify && fo.open, swept: fo.swept})
			fo.verify, fo.swept = false, false
		}
	}
	rest := copy(f.dirty, f.dirty[n:])
	clear(f.dirty[rest:])
	f.dirty = f.dirty[:rest]
	return dst, rest > 0
}

// again has a group read once more, and if verify is set, verified.
func (f *follows) again(fo *follow, verify bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fo.verify = fo.verify || verify
	f.mark(fo)
}
