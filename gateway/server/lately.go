package server

import (
	"sync"
	"time"
)

// lately remembers for a minute what was closed or revoked, for sessions that are not
// open yet at that moment: their handshake is being made, or they are on their way from
// one node to another. Whoever opens one enters it in the directory first and then looks
// here; an order is noted here first and then looked for there: so one of the two finds
// the other.
type lately[K comparable] struct {
	mu    sync.Mutex // guards what follows
	noted map[K]mark
	clear time.Time // when the old ones are forgotten next
}

// mark is a value and when it was noted.
type mark struct {
	value int64
	at    time.Time
}

// latelyKept is longer than a handshake or the recovery of a session takes.
const latelyKept = time.Minute

// note keeps the highest value of a key.
func (l *lately[K]) note(key K, value int64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.noted == nil {
		l.noted = make(map[K]mark)
	}
	if now.After(l.clear) {
		l.clear = now.Add(latelyKept / 2)
		for k, m := range l.noted {
			if now.Sub(m.at) > latelyKept {
				delete(l.noted, k)
			}
		}
	}
	l.noted[key] = mark{max(value, l.noted[key].value), now}
}

// get is what was noted; false if nothing was.
func (l *lately[K]) get(key K) (value int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, ok := l.noted[key]
	return m.value, ok
}
