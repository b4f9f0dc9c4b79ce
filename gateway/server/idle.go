package server

import (
	"sync"
	"time"
)

// idleList is the topics that lost their last member, with the time, and may be closed
// soon. A topic is in it at most once; its bound is the number of topics.
type idleList struct {
	mu     sync.Mutex
	topics map[*topic]time.Time
}

func (l *idleList) add(t *topic, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topics == nil {
		l.topics = make(map[*topic]time.Time)
	}
	if since.After(l.topics[t]) {
		l.topics[t] = since
	}
}

// take empties the list.
func (l *idleList) take() map[*topic]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.topics
	l.topics = nil
	return all
}
