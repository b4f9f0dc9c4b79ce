package server

import "sync"

// idleList is the topics that lost their last member and may be closed soon. A
// topic is in it at most once; its bound is the number of topics.
type idleList struct {
	mu     sync.Mutex
	topics map[*topic]struct{}
}

func (l *idleList) add(t *topic) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.topics == nil {
		l.topics = make(map[*topic]struct{})
	}
	l.topics[t] = struct{}{}
}

// take empties the list.
func (l *idleList) take() []*topic {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*topic, 0, len(l.topics))
	for t := range l.topics {
		all = append(all, t)
	}
	clear(l.topics)
	return all
}
