package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// A node shows that it lives by a lease that it renews; when it has not for a while, it
// is dead to the others, and they go on with its sessions.
const (
	leaseBeat  = time.Second
	ownerLives = 4 * time.Second
	leaseWait  = time.Second // for the broker to take it
)

func nodeKey(id string) string { return "node/" + id }

// renew puts the lease. Called on the keeper's goroutine.
func (k *keeper) renew() { k.lease(ownerLives) }

// resign lets the lease end at once.
func (k *keeper) resign() { k.lease(time.Millisecond) }

func (k *keeper) lease(lives time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), leaseWait)
	defer cancel()
	err := k.server.relay.broker.Put(ctx, []broker.Value{{Key: nodeKey(k.server.node), Data: []byte("lives"), Lives: lives}})
	if err != nil {
		k.server.Log.Debug("the node's lease could not be written", slog.Any("error", err))
	}
}

// nodeLives reports whether a node has a lease. It waits for the broker, and so belongs
// in the pool.
func (s *Server) nodeLives(ctx context.Context, id string) (bool, error) {
	v, err := s.relay.broker.Get(ctx, nodeKey(id))
	return v != nil, err
}
