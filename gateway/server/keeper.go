package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
)

// Sessions is how reliable sessions are kept for clients that come back.
type Sessions struct {
	Expiry     time.Duration // of a session whose connection was lost
	Checkpoint time.Duration // how often sessions that have changed are written, in case the node dies
}

// keeper writes the records of sessions where all nodes find them: those that have lost
// their connection, and checkpoints of those that have not. One goroutine writes, so that
// what is written of a session later is what stays. What waits is in memory, and is not
// given up while the broker is away.
type keeper struct {
	server *Server
	wake   chan struct{}
	ended  chan struct{}

	puts, errors, dropped *metrics.Counter

	mu      sync.Mutex // guards what follows
	waiting map[string]*keeping
	order   []turn // of waiting, the oldest first; some may be over
	turns   uint64
	flying  map[string]bool // that are being written
}

// keeping is a value that waits to be written.
type keeping struct {
	record *record // encoded when its turn comes
	data   []byte  // or what is written as it is
	lives  time.Duration
	then   []func() // when it was written
	unsure bool     // it may be written already, and somebody may have taken it
	turn   uint64
}

// turn is when a value is written. It is over when the value was taken, or written.
type turn struct {
	key string
	no  uint64
}

// The bounds of a keeper.
const (
	keeperBatch   = 256             // records in one round
	keeperTimeout = 2 * time.Second // for a round to be written; it is checked in half of that, before
	keeperPause   = 100 * time.Millisecond
	attachedLives = 10 * time.Minute // a checkpoint; it is written again before
	refreshEvery  = 3 * time.Minute
	farewellTime  = 5 * time.Second // for what is left to be written when the node ends
)

func newKeeper(s *Server, set *metrics.Set) *keeper {
	k := &keeper{server: s, wake: make(chan struct{}, 1), ended: make(chan struct{}), waiting: make(map[string]*keeping), flying: make(map[string]bool)}
	k.puts = set.NewCounter("tidegate_session_puts_total")
	k.errors = set.NewCounter("tidegate_session_put_errors_total")
	k.dropped = set.NewCounter("tidegate_session_records_dropped_total")
	set.NewGauge("tidegate_session_records_waiting", func() float64 {
		k.mu.Lock()
		defer k.mu.Unlock()
		return float64(len(k.waiting))
	})
	return k
}

// keep writes a session's record; then, if not nil, is called when it is written, or not
// waited for any more: on any goroutine and maybe with the keeper locked, so it only posts. A later record of the session takes the place of one that waits.
// Never waits; may be called on any goroutine.
func (k *keeper) keep(c *record, then func()) {
	lives := attachedLives
	if c.Detached {
		lives = k.server.Sessions.Expiry
	}
	k.put(sessionKey(c.ID), &keeping{record: c, lives: lives}, then)
}

// forget has a session's record go away.
func (k *keeper) forget(id string) {
	k.put(sessionKey(id), &keeping{data: []byte("null"), lives: time.Millisecond}, nil)
}

// drop is forget for a session of which a record may be on its way; of others it does
// nothing.
func (k *keeper) drop(o *Order) {
	k.mu.Lock()
	key := sessionKey(o.Connection)
	v := k.waiting[key]
	ours := k.flying[key] || v != nil && v.record != nil && v.record.Hub == o.Hub
	k.mu.Unlock()
	if ours {
		k.forget(o.Connection)
	}
}

// amend changes a record that waits to be written, and reports whether there was one that
// it could change.
func (k *keeper) amend(o *Order, change func(*record) error) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := k.detached(o.Connection)
	if v == nil || v.record.Hub != o.Hub {
		return false
	}
	c := *v.record
	if change(&c) != nil {
		return false
	}
	v.record, v.data = &c, nil
	return true
}

func (k *keeper) put(key string, v *keeping, then func()) {
	k.mu.Lock()
	if old := k.waiting[key]; old != nil {
		v.then, v.unsure, v.turn = old.then, old.unsure, old.turn
	} else {
		k.turns++
		v.turn = k.turns
		k.order = append(k.order, turn{key, v.turn})
	}
	if then != nil {
		v.then = append(v.then, then)
	}
	k.waiting[key] = v
	k.bound()
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// bound drops the oldest while there are too many. Called with mu held.
func (k *keeper) bound() {
	for len(k.waiting) > k.server.Limits.Detached && len(k.order) > 0 {
		_, v := k.first()
		if v == nil {
			continue
		}
		k.dropped.Inc()
		v.written() // it is not waited for any more
	}
}

// first takes the value whose turn it is, or nil if that turn is over. Called with mu
// held, if there is a turn.
func (k *keeper) first() (key string, v *keeping) {
	t := k.order[0]
	k.order = k.order[1:]
	if v = k.waiting[t.key]; v == nil || v.turn != t.no {
		return "", nil
	}
	delete(k.waiting, t.key)
	return t.key, v
}

// take returns the record of a session that has lost its connection on this node and was
// not written yet, and writes it no more. Nil if there is none.
func (k *keeper) take(id string) *record {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := k.detached(id)
	if v == nil {
		return nil
	}
	delete(k.waiting, sessionKey(id))
	return v.record
}

// claim is take for a client that has come back. It leaves a record alone that may be
// written already, since another node may have it by now. writing: there is one, or it is
// being written at this moment, and has to be looked for when that is over.
func (k *keeper) claim(id string) (c *record, writing bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := sessionKey(id)
	switch v := k.detached(id); {
	case v == nil:
		return nil, k.flying[key]
	case v.unsure:
		return nil, true
	default:
		delete(k.waiting, key)
		return v.record, false
	}
}

// detached is what waits of a session that has lost its connection, or nil. Called with
// mu held.
func (k *keeper) detached(id string) *keeping {
	if v := k.waiting[sessionKey(id)]; v != nil && v.record != nil && v.record.Detached {
		return v
	}
	return nil
}

// run writes what waits, until ctx ends.
func (k *keeper) run(ctx context.Context) {
	defer close(k.ended)
	checkpoint := time.NewTicker(max(k.server.Sessions.Checkpoint/checkpointParts, time.Millisecond))
	defer checkpoint.Stop()
	refreshed := time.Now()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case now := <-checkpoint.C:
			refresh := now.Sub(refreshed) > refreshEvery
			if refresh {
				refreshed = now
			}
			k.server.checkpoint(refresh)
		case <-k.wake:
			for ctx.Err() == nil && k.write(ctx) {
			}
		}
	}
	k.finish()
}

// finish writes what is left, as far as there is time.
func (k *keeper) finish() {
	ctx, cancel := context.WithTimeout(context.Background(), farewellTime)
	defer cancel()
	for ctx.Err() == nil && k.write(ctx) {
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.waiting); n > 0 {
		k.server.Log.Warn("sessions could not be written for other nodes: their clients will begin anew", "sessions", n)
	}
}

// write writes one round, and reports whether there is more to do. After an error it
// pauses, and what was not written waits again unless something newer does.
func (k *keeper) write(ctx context.Context) (more bool) {
	keys, batch := k.next()
	if len(keys) == 0 {
		return false
	}
	values, unchecked := k.check(keys, batch)
	if err := k.store(values); err != nil {
		k.errors.Add(len(keys))
		k.server.Log.Debug("sessions could not be written; it is tried again", slog.Any("error", err))
		k.again(keys, batch)
		select {
		case <-ctx.Done():
		case <-time.After(keeperPause):
		}
		return true
	}
	var late []*keeping
	var lateKeys []string
	for i, v := range batch {
		if unchecked[v] {
			lateKeys, late = append(lateKeys, keys[i]), append(late, v)
		}
	}
	k.puts.Add(len(keys) - len(late))
	k.again(lateKeys, late)
	for _, v := range batch {
		if !unchecked[v] {
			v.written()
		}
	}
	return true
}

// check is what of a round is to be written. What it had no time to check is not: it waits
// for the next round, so that a slow broker leaves time to write the others.
func (k *keeper) check(keys []string, batch []*keeping) (values []broker.Value, unchecked map[*keeping]bool) {
	ctx, cancel := context.WithTimeout(context.Background(), keeperTimeout/2)
	defer cancel()
	unchecked = make(map[*keeping]bool)
	for i, v := range batch {
		if v.unsure && v.record != nil && v.record.Detached {
			stale := k.stale(ctx, v)
			unchecked[v] = ctx.Err() != nil
			if stale || unchecked[v] {
				continue
			}
		}
		if v.data == nil {
			v.data = v.record.encode()
		}
		values = append(values, broker.Value{Key: keys[i], Data: v.data, Lives: v.lives})
	}
	return values, unchecked
}

// store writes values, in a time of its own.
func (k *keeper) store(values []broker.Value) error {
	if len(values) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), keeperTimeout)
	defer cancel()
	return k.server.relay.broker.Put(ctx, values)
}

// written tells who has waited.
func (v *keeping) written() {
	for _, then := range v.then {
		then()
	}
}

// next takes a round's keys and values.
func (k *keeper) next() (keys []string, batch []*keeping) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.order) > 0 && len(keys) < keeperBatch {
		if key, v := k.first(); v != nil {
			k.flying[key] = true
			keys, batch = append(keys, key), append(batch, v)
		}
	}
	return keys, batch
}

// stale reports whether a record that may be written already is another node's by now:
// written again it would put the session back to what it was here.
func (k *keeper) stale(ctx context.Context, v *keeping) bool {
	data, err := k.server.relay.broker.Get(ctx, sessionKey(v.record.ID))
	if err != nil || data == nil {
		return false
	}
	c, err := decodeRecord(data)
	return err == nil && c.ID == v.record.ID && c.Owner != k.server.node
}

// flies reports whether a session's record is being written at this moment: soon it is
// where all nodes find it.
func (k *keeper) flies(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.flying[sessionKey(id)]
}

// again ends a round; what was not written of it waits again.
func (k *keeper) again(keys []string, batch []*keeping) {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.flying)
	if len(keys) == 0 {
		return
	}
	turns := make([]turn, 0, len(keys))
	for i, key := range keys {
		batch[i].unsure = true
		if newer := k.waiting[key]; newer != nil {
			newer.then, newer.unsure = append(batch[i].then, newer.then...), true
			continue
		}
		k.waiting[key] = batch[i]
		turns = append(turns, turn{key, batch[i].turn})
	}
	k.order = append(turns, k.order...) // the same again, so that few are unsure
	k.bound()
}
