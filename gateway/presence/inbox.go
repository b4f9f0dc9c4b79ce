package presence

import (
	"sync"

	"github.com/tidegate/tidegate/broker"
)

// inboxLimit is how many deliveries may wait for run. What comes beyond is not kept: the
// rosters of those groups are read again instead.
const inboxLimit = 4096

// inbox is what the broker's goroutines and the jobs have for run, in order.
type inbox struct {
	mu         sync.Mutex // guards what follows
	events     []func()
	deliveries int
}

// run runs what has come.
func (b *inbox) run() {
	b.mu.Lock()
	events := b.events
	b.events, b.deliveries = nil, 0
	b.mu.Unlock()
	for _, f := range events {
		f()
	}
}

// post has f called on run's goroutine. Its callers are jobs, of which there are few, and
// the broker's answers, one for each roster.
func (k *Keeper) post(f func()) {
	k.inbox.mu.Lock()
	k.inbox.events = append(k.inbox.events, f)
	k.inbox.mu.Unlock()
	k.signal()
}

// Opened is the broker's answer to a Subscribe of ours.
func (k *Keeper) Opened(g broker.Group, _ broker.Position, err error) {
	k.post(func() { k.opened(g, err) })
}

// Gap says that changes of a group were lost.
func (k *Keeper) Gap(g broker.Group, _ broker.Position) {
	k.post(func() { k.missed(g) })
}

// Deliver takes changes of one group. The messages may be kept, the slice not.
func (k *Keeper) Deliver(messages []*broker.Message) {
	g := messages[0].Group
	b := &k.inbox
	b.mu.Lock()
	b.deliveries += len(messages)
	full := b.deliveries > inboxLimit
	b.mu.Unlock()
	if full {
		k.counts.overrun.Add(len(messages))
		k.Gap(g, broker.Position{})
		return
	}
	all := append([]*broker.Message(nil), messages...)
	k.post(func() { k.heard(all) })
}
