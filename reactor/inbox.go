package reactor

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

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
	urgent []func(*Worker)
	room   sync.Cond // for those who wait in post
	woken  bool      // a byte is on its way that the loop has not read
	wake   int       // the socket for that byte
	closed bool

	hot     atomic.Bool  // urgent is not empty
	wokenAt atomic.Int64 // when the byte was sent, in Unix nanoseconds; 0 when it was read
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
	b.wait(&b.events)
	return b.add(&b.events, f)
}

// PostUrgent is Post for what somebody is waiting for who is connected: f runs before
// what Post brings, and when a turn of the loop is long, because many come or go at
// once, in the middle of it. Posts of one goroutine that are urgent run in their
// order.
func (w *Worker) PostUrgent(f func(*Worker)) error {
	b := &w.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wait(&b.urgent)
	err := b.add(&b.urgent, f)
	b.hot.Store(err == nil || b.hot.Load())
	return err
}

// wait waits until there is room in a list. Called with the lock held.
func (b *inbox) wait(list *[]func(*Worker)) {
	if len(*list) < b.limit || b.closed {
		return
	}
	b.waits.Inc()
	for len(*list) >= b.limit && !b.closed {
		b.room.Wait()
	}
}

// TryPost is Post that does not wait: ErrFull if there is no room. May be called
// on any goroutine, a loop's included.
func (w *Worker) TryPost(f func(*Worker)) error {
	b := &w.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.try(&b.events, f)
}

// TryPostUrgent is PostUrgent that does not wait, as TryPost is Post.
func (w *Worker) TryPostUrgent(f func(*Worker)) error {
	b := &w.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.try(&b.urgent, f)
	b.hot.Store(err == nil || b.hot.Load())
	return err
}

// try is add, if there is room. Called with the lock held.
func (b *inbox) try(list *[]func(*Worker), f func(*Worker)) error {
	if len(*list) >= b.limit && !b.closed {
		b.full.Inc()
		return ErrFull
	}
	return b.add(list, f)
}

// must has f run whether there is room or not: for what may not be lost, and of
// which there is at most a bounded number (one close per connection, one tick).
func (b *inbox) must(f func(*Worker)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.add(&b.events, f)
}

// add appends and wakes. The byte is written under the lock: only the first post
// after the loop has looked writes one, and the lock is what keeps the socket
// open for it.
func (b *inbox) add(list *[]func(*Worker), f func(*Worker)) error {
	if b.closed {
		return ErrClosed
	}
	*list = append(*list, f)
	b.wakeUp()
	return nil
}

// rouse has the loop take another turn, without anything to run. May be called on
// any goroutine while there is a loop.
func (b *inbox) rouse() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wakeUp()
}

// wakeUp writes the byte, if none is on its way; so the socket is empty, and there is
// room. Called with the lock held.
func (b *inbox) wakeUp() {
	if !b.woken {
		b.woken = true
		b.wokenAt.Store(time.Now().UnixNano())
		sendNow(b.wake, oneByte)
	}
}

// oneByte wakes a loop. What it is, nobody looks at.
var oneByte = []byte{0}

// take returns all that was posted and leaves the emptied slice in its place.
// What is posted from now on wakes the loop again.
func (b *inbox) take(empty []func(*Worker)) []func(*Worker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.events
	b.events, b.woken = empty[:0], false
	b.wokenAt.Store(0)
	b.room.Broadcast()
	return events
}

// takeUrgent is take for what is urgent. It leaves the byte unread, so that the next
// turn still takes the rest.
func (b *inbox) takeUrgent(empty []func(*Worker)) []func(*Worker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	urgent := b.urgent
	b.urgent = empty[:0]
	b.hot.Store(false)
	b.room.Broadcast()
	return urgent
}

// Quiet reports whether all that was posted as urgent has run to its end. Then the loop
// may do at once, before it returns, what it would post to itself. Loop only.
func (w *Worker) Quiet() bool { return len(w.urgent.list) == 0 && !w.inbox.hot.Load() }

// Lag is for how long the worker has owed a look at what was posted: the length of its
// present turn, more or less. Never waits; may be called on any goroutine.
func (w *Worker) Lag() time.Duration {
	at := w.inbox.wokenAt.Load()
	if at == 0 {
		return 0
	}
	return time.Since(time.Unix(0, at))
}

// close refuses what comes from now on, and has last run after what came before.
func (b *inbox) close(last func(*Worker)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	_ = b.add(&b.events, last)
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
	return len(b.events) + len(b.urgent)
}
