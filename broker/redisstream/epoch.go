package redisstream

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// epoch is a word that whoever comes first leaves in Redis, and that goes away with all
// that Redis forgets. Another word than the last time means that its history is another,
// too: it was flushed, restarted empty, or replaced by a server that lagged or knew
// nothing.
type epoch struct {
	mu      sync.Mutex // guards what follows
	words   map[string]string
	changed time.Time // the last time that this node saw
	refused bool      // Redis does not let us read it; that was logged
}

// ask asks for the word under a key, and leaves one if there is none.
func (e *epoch) ask(ctx context.Context, pipe redis.Pipeliner, key string) *epochAnswer {
	word := rand.Text()
	return &epochAnswer{pipe.SetArgs(ctx, key, word, redis.SetArgs{Mode: "NX", Get: true}), key, word}
}

// epochAnswer is what ask gives.
type epochAnswer struct {
	cmd  *redis.StatusCmd
	key  string
	word string // that was left if there was none
}

// took takes an answer and reports whether the word is another than it was before; the
// first that a node hears is not. An error is Redis's refusal: the node goes on without,
// and verifies what it reads as ever.
func (e *epoch) took(a *epochAnswer) (changed bool, err error) {
	word, err := a.cmd.Result()
	if errors.Is(err, redis.Nil) {
		word, err = a.word, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil {
		var reply redis.Error
		if !errors.As(err, &reply) || e.refused {
			return false, nil
		}
		e.refused = true
		return false, err
	}
	before := e.words[a.key]
	e.words[a.key], e.refused = word, false
	if before == "" || before == word {
		return false, nil
	}
	e.changed = time.Now()
	return true, nil
}

// changedSince reports whether this node saw a change after a time.
func (e *epoch) changedSince(t time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed.After(t)
}

// epochKey is where the master of a layout has its word; in a Cluster, the first of the
// keys that is in one of its slots. Its slots may move, and the word does with them.
func (m *master) epochKey(l *layout) string {
	key := m.broker.own("epoch")
	for i := 1; len(l.slots) > 1 && l.of(slotOfKey(key)) != m; i++ {
		key = m.broker.own("epoch:" + strconv.Itoa(i))
	}
	return key
}

// checkEpoch takes the answer that came with a probe. After a change every group is
// verified, as after a connection was lost.
func (m *master) checkEpoch(a *epochAnswer) {
	b := m.broker
	changed, err := b.epoch.took(a)
	if err != nil {
		b.config.Log.Warn("Redis does not tell its epoch, so that a lost history shows only in groups that this node reads; see the rights in docs/operations.md", "key", a.key, "error", err)
	}
	if !changed {
		return
	}
	b.counts.epochs.Inc()
	b.counts.resyncEpoch.Inc()
	b.config.Log.Error("Redis has another history than before: it was flushed, restarted without its data, or replaced by a server without it; every group is verified", "key", a.key)
	b.resync(m)
}
