package redisstream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// station is one node of the checker: a broker, and members of groups that come and go
// as those of a gateway do.
type station struct {
	broker *Broker

	mu   sync.Mutex // guards what follows
	open map[broker.Group]*room
}

// room is a group that has members on a station.
type room struct {
	members []*stay
	opened  chan struct{}   // closed when it is open, or could not be opened
	err     error           // why not
	at      broker.Position // up to where it was delivered
}

// stay is a member's time in one group on one station.
type stay struct {
	mu     sync.Mutex // guards what follows
	events []event    // that were delivered live, in order
	heard  chan struct{}
}

// event is what a member hears: a message or, without one, that something was lost.
type event struct {
	message *broker.Message
	at      broker.Position // where a member stands after it
	before  broker.Position // of a gap: up to where the station had delivered
	when    time.Time
	why     string // of a loss
}

func newStation(t *testing.T, url string, l broker.Limits) *station {
	s := &station{open: make(map[broker.Group]*room)}
	s.broker = openSweeping(t, url, checkSweep, l, broker.Receiver{
		Published: func(outcomes []broker.Outcome) {
			for _, o := range outcomes {
				o.Receipt.To.(chan broker.Outcome) <- o
			}
		},
		Opened:  s.opened,
		Deliver: s.deliver,
		Gap: func(g broker.Group, at broker.Position) {
			s.tell(g, event{at: at, when: time.Now(), why: "gap"})
		},
	})
	t.Cleanup(func() { _ = s.broker.Close() })
	return s
}

func (s *station) opened(g broker.Group, at broker.Position, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.open[g]
	if r == nil {
		return // everyone has left meanwhile
	}
	r.at, r.err = at, err
	if err != nil {
		delete(s.open, g)
	}
	close(r.opened)
}

func (s *station) deliver(messages []*broker.Message) {
	for _, m := range messages {
		e := event{message: m, at: m.Position, when: time.Now()}
		if m.Lost {
			e.message, e.why = nil, "mark"
		}
		s.tell(m.Group, e)
	}
}

// tell has all members in a group hear an event.
func (s *station) tell(g broker.Group, e event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.open[g]
	if r == nil {
		return // a message of a subscription that has ended
	}
	e.before, r.at = r.at, e.at
	for _, m := range r.members {
		m.hear(e)
	}
}

func (m *stay) hear(e event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, e)
	select {
	case m.heard <- struct{}{}:
	default:
	}
}

// take returns what was heard since the last time.
func (m *stay) take() (all []event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, m.events = m.events, nil
	return all
}

// enter opens a group if need be, and makes a member of it that hears everything after
// the position.
func (s *station) enter(g broker.Group) (*stay, broker.Position, error) {
	s.mu.Lock()
	r := s.open[g]
	if r == nil {
		r = &room{opened: make(chan struct{})}
		s.open[g] = r
		s.broker.Subscribe(g)
	}
	s.mu.Unlock()
	<-r.opened
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.err != nil || s.open[g] != r {
		return nil, broker.Position{}, errors.Join(r.err, errLeft)
	}
	m := &stay{heard: make(chan struct{}, 1)}
	r.members = append(r.members, m)
	return m, r.at, nil
}

// errLeft: the group was closed, or could not be opened; the member tries again.
var errLeft = errors.New("the group is not open")

// leave ends a member's stay; with the last one the group may be closed.
func (s *station) leave(g broker.Group, m *stay, closes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.open[g]
	if i := slices.Index(r.members, m); i >= 0 {
		r.members = slices.Delete(r.members, i, i+1)
	}
	if len(r.members) == 0 && closes {
		delete(s.open, g)
		s.broker.Unsubscribe(g)
	}
}

// replay gives a member that has everything up to since what comes after it, up to the
// position from where it hears by itself. It reports false if that is not known to be
// whole.
func (s *station) replay(ctx context.Context, g broker.Group, since, live broker.Position, hear func(event)) (whole bool, err error) {
	if whole, err = s.broker.Resume(ctx, g, since); err != nil || !whole {
		return false, err
	}
	for since.Before(live) {
		page, err := s.broker.Read(ctx, g, since, 64)
		if errors.Is(err, broker.ErrTrimmed) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if len(page) == 0 {
			return false, nil // what the member is to hear after is not there any more
		}
		for _, m := range page {
			if live.Before(m.Position) {
				return true, nil
			}
			e := event{message: m, at: m.Position, when: time.Now()}
			if m.Lost {
				e.message, e.why = nil, "mark read"
			}
			hear(e)
			since = m.Position
		}
	}
	return true, nil
}
