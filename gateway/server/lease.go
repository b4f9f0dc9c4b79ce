package server

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A node shows that it lives by a lease that it renews; when it has not for a while, it
// is dead to the others: they go on with its sessions, and its members have gone.
const (
	leaseBeat  = time.Second
	leaseLives = 4 * time.Second
	leaseWait  = time.Second // for the broker to take it
)

// keepLease renews the lease until ctx ends. It has a goroutine of its own: nothing else
// that this node has to do with the broker may keep it from that.
func (s *Server) keepLease(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	select {
	case <-ctx.Done():
		return
	case <-s.hears: // until then orders would wait for its answer, and revocations pass it by
	}
	beat := time.NewTicker(leaseBeat)
	defer beat.Stop()
	for ctx.Err() == nil {
		s.renew()
		select {
		case <-ctx.Done():
		case <-beat.C:
		}
	}
}

// renew takes or renews the lease, and asks for presence who else has one.
func (s *Server) renew() {
	ctx, cancel := context.WithTimeout(context.Background(), leaseWait)
	defer cancel()
	asked := time.Now()
	held, err := s.relay.broker.Lease(ctx, s.node, leaseLives)
	s.living.renewed(held, err)
	var living []string
	if err == nil && s.attendance != nil {
		living, err = s.relay.broker.Living(ctx)
	}
	if err != nil {
		s.Log.Debug("the node's lease could not be renewed; it is tried again", slog.Any("error", err))
	}
	s.attendance.renewed(held, living, err, asked)
	if err := s.lookForRevocations(ctx); err != nil {
		s.Log.Debug("it could not be found out whether tokens are revoked; it is tried again", slog.Any("error", err))
	}
}

// resign gives the lease back, when nothing is left that it stands for.
func (s *Server) resign() {
	ctx, cancel := context.WithTimeout(context.Background(), leaseWait)
	defer cancel()
	if err := s.relay.broker.Resign(ctx, s.node); err != nil {
		s.Log.Debug("the node's lease could not be given back; it ends by itself", slog.Any("error", err))
	}
}

// living is which nodes had a lease a moment ago: when a node has died, all of its clients
// come at once, and each wants to know.
type living struct {
	mu    sync.Mutex // guards what follows; held while the broker is asked, so that one asks for all
	nodes []string
	asked time.Time
	since atomic.Int64 // Unix nanoseconds since when our own lease is held without a break; 0: it is not
}

// renewed notes how the renewal of our own lease went.
func (l *living) renewed(held bool, err error) {
	switch {
	case err != nil:
		l.since.Store(0)
	case !held || l.since.Load() == 0:
		l.since.Store(time.Now().UnixNano())
	}
}

// settled reports whether our own lease is held for so long that others have had the time
// to renew theirs: when the broker was away all of them have ended, and nobody has died.
func (l *living) settled() bool {
	since := l.since.Load()
	return since != 0 && time.Since(time.Unix(0, since)) > 2*leaseBeat
}

// livingFor is how long an answer is good.
const livingFor = 200 * time.Millisecond

// nodeLives reports whether a node has a lease, or may just have had no chance to renew
// it. It waits for the broker, and so belongs
// in the pool.
func (s *Server) nodeLives(ctx context.Context, id string) (bool, error) {
	l := &s.living
	if !l.settled() {
		return true, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.asked) > livingFor {
		nodes, err := s.relay.broker.Living(ctx)
		if err != nil {
			return false, err
		}
		l.nodes, l.asked = nodes, now
	}
	return slices.Contains(l.nodes, id), nil
}
