package server

import (
	"errors"
	"sync"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/reactor"
)

// mail is what the keeper of presence has for the watchers of one worker, in order.
type mail struct {
	worker     *reactor.Worker
	attendance *attendance

	mu      sync.Mutex // guards what follows; held for moments
	letters []letter
	posted  bool // the worker has been asked to take them
	lost    bool // there were too many, and they are no longer kept
}

// letter is frames for one watcher, which begin with its snapshot; or changes, for all
// who watch the group.
type letter struct {
	group  broker.Group
	to     *watcher // nil for all
	frames []reactor.Frame
}

// mailLimit is how many letters may wait for a worker. If more come, all of them are
// dropped, and every watcher of the worker gets a snapshot instead.
const mailLimit = 4096

// add puts a letter into the worker's mail. Called by the keeper; it never waits.
func (m *mail) add(l letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost = m.lost || len(m.letters) >= mailLimit; m.lost {
		m.letters = nil
	} else {
		m.letters = append(m.letters, l)
	}
	if !m.posted {
		m.post()
	}
}

// post asks the worker to take the mail, now or soon. Called with mu held.
func (m *mail) post() {
	err := m.worker.TryPost(func(*reactor.Worker) { m.deliver() })
	m.posted = err == nil
	if errors.Is(err, reactor.ErrFull) {
		m.posted = true
		time.AfterFunc(pursuitPause, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.post()
		})
	}
}

// deliver gives the watchers their mail. Called on the loop.
func (m *mail) deliver() {
	m.mu.Lock()
	letters, lost := m.letters, m.lost
	m.letters, m.posted, m.lost = nil, false, false
	m.mu.Unlock()
	all := m.attendance.audiences[m.worker.Index()]
	if lost {
		for g, of := range all {
			for s, w := range of {
				m.attendance.dropped.Inc()
				w.asked = false // what it has asked for may be among what was dropped
				m.attendance.watch(s, g)
			}
		}
		return
	}
	for _, l := range letters {
		of := all[l.group]
		if l.to == nil {
			for _, w := range of {
				w.change(l.frames)
			}
		} else if of[l.to.session] == l.to {
			l.to.begin(l.frames)
		}
	}
}
