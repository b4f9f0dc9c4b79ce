package server

import "sync"

// quota bounds how many of something each key has at a time, such as connections of an
// address. It is taken once and given back once for each connection, never for a message,
// so one lock will do. Its methods may be called on any goroutine and do not wait. A nil
// quota has no bound and keeps nothing.
type quota[K comparable] struct {
	most int // of one key; static

	mu    sync.Mutex
	taken map[K]int // nil if nobody has any: a map does not shrink by itself
}

// newQuota is one that allows so many, or nil for 0.
func newQuota[K comparable](most int) *quota[K] {
	if most == 0 {
		return nil
	}
	return &quota[K]{most: most}
}

// take reports whether one more is allowed, and counts it if so.
func (q *quota[K]) take(key K) bool {
	if q == nil {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken[key] >= q.most {
		return false
	}
	if q.taken == nil {
		q.taken = make(map[K]int)
	}
	q.taken[key]++
	return true
}

// give gives back what take has counted.
func (q *quota[K]) give(key K) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := q.taken[key]; n > 1 {
		q.taken[key] = n - 1
		return
	}
	delete(q.taken, key)
	if len(q.taken) == 0 {
		q.taken = nil
	}
}
