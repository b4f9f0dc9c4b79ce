package server

import (
	"errors"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// outcomes brings each publisher what became of his message: the application's
// request, which waits, at once; the clients of a worker by one post. Called on the
// broker's goroutines.
func (r *relay) outcomes(outcomes []broker.Outcome) {
	for i, part := range r.apportion(outcomes) {
		if len(part) > 0 {
			// A worker that is gone for good has closed its sessions already.
			_ = r.server.Workers[i].PostUrgent(func(*reactor.Worker) { tell(part) })
		}
	}
}

// apportion tells the application's requests, and returns what is to be told to whom of
// each worker.
func (r *relay) apportion(outcomes []broker.Outcome) (parts [][]broker.Outcome) {
	for _, o := range outcomes {
		switch to := o.Receipt.To.(type) {
		case chan broker.Outcome:
			to <- o
		case *session:
			if o.Err == nil && !o.Receipt.Asked {
				continue
			}
			if parts == nil {
				parts = make([][]broker.Outcome, len(r.server.Workers))
			}
			i := to.worker()
			parts[i] = append(parts[i], o)
		}
	}
	return parts
}

// tell gives sessions of one worker their outcomes. Called on its loop.
func tell(part []broker.Outcome) {
	for _, o := range part {
		o.Receipt.To.(*session).published(o)
	}
}

// tell is as a post of tell for who must not wait: if the worker's queue is full, the
// outcomes wait on the lane. While some do no loop is lent, so that they are no more than
// a batch of each worker.
func (l *lane) tell(part []broker.Outcome) {
	err := l.worker.TryPostUrgent(func(*reactor.Worker) { tell(part) })
	if !errors.Is(err, reactor.ErrFull) {
		return // or the worker is gone for good
	}
	l.mu.Lock()
	l.untold = append(l.untold, part...)
	l.behind.Store(true)
	l.mu.Unlock()
	l.expect()
}
