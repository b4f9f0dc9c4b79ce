package reactor

import (
	"strconv"
	"sync"

	"github.com/VictoriaMetrics/metrics"
)

// inbox is how other goroutines reach a loop: a list of functions, and a socket
// that wakes the loop with one byte. The loop swaps the list for an empty one, so
// that posting and running share neither lock nor slice, and a post allocates
// nothing.
type inbox struct {
	limit int // events that may wait; what the reactor itself must say comes on top
	waits *metrics.Counter
	full  *metrics.Counter

	mu     sync.Mutex // guards what follows; held for an append, or a write of one byte
	events []func(*Worker)
	room   sync.Cond // for those who wait in post
	woken  bool      // a byte is on its way that the loop has not read
	wake   int       // the socket for that byte
	closed bool
}

func (b *inbox) init(config *Config, index, wake int) {
	b.limit, b.wake = config.Queue, wake
	b.room.L = &b.mu
	label := `{worker="` + strconv.Itoa(index) + `"}`
	b.waits = config.Metrics.GetOrCreateCounter("tidegate_worker_queue_waits_total" + label)
	b.full = config.Metrics.GetOrCreateCounter("tidegate_worker_queue_refused_total" + label)
	config.Metrics.GetOrCreateGauge("tidegate_worker_queue_depth"+label, func() float64 { return float64(b.depth()) })
}

// Post has f run on the worker's loop. Posts of one goroutine run in their order.
// It waits while the inbox holds Config.Queue events, which is the back-pressure
// on whoever feeds the loop, and so must not be called on a loop. ErrClosed after
// shutdown. A worker whose loop has ended takes posts: the next loop runs them.
func (w *Worker) Post(f func(*Worker)) error {
	b := &w.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.events) >= b.limit && !b.closed {
		b.waits.Inc()
		for len(b.events) >= b.limit && !b.closed {
			b.room.Wait()
		}
	}
	return b.add(f)
}

// TryPost is Post that does not wait: ErrFull if there is no room. May be called
// on any goroutine, a loop's included.
func (w *Worker) TryPost(f func(*Worker)) error {
	b := &w.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.events) >= b.limit && !b.closed {
		b.full.Inc()
		return ErrFull
	}
	return b.add(f)
}

// must has f run whether there is room or not: for what may not be lost, and of
// which there is at most a bounded number (one close per connection, one tick).
func (b *inbox) must(f func(*Worker)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.add(f)
}

// add appends and wakes. The byte is written under the lock: only the first post
// after the loop has looked writes one, and the lock is what keeps the socket
// open for it.
func (b *inbox) add(f func(*Worker)) error {
	if b.closed {
		return ErrClosed
	}
	b.events = append(b.events, f)
	if !b.woken {
		b.woken = true
		b.wakeUp()
	}
	return nil
}

// rouse has the loop take another turn, without anything to run. May be called on
// any goroutine while there is a loop.
func (b *inbox) rouse() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.woken {
		b.woken = true
		b.wakeUp()
	}
}

// wakeUp writes the byte. The socket is empty when woken is false, so there is room.
func (b *inbox) wakeUp() { sendNow(b.wake, oneByte) }

// oneByte wakes a loop. What it is, nobody looks at.
var oneByte = []byte{0}

// take returns all that was posted and leaves the emptied slice in its place.
// What is posted from now on wakes the loop again.
func (b *inbox) take(empty []func(*Worker)) []func(*Worker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events, b.woken = empty[:0], false
	b.room.Broadcast()
	return events
}

// close refuses what comes from now on, and has last run after what came before.
func (b *inbox) close(last func(*Worker)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	_ = b.add(last)
	b.closed = true
	b.room.Broadcast()
}

func (b *inbox) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

func (b *inbox) depth() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events)
}
