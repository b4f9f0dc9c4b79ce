package memory

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// nodes is who has a lease, and who is in which group. There is one node in a process
// most often, but the contract is kept for more.
type nodes struct {
	mu     sync.Mutex // guards what follows
	leases map[string]time.Time
	parts  map[part]*members
}

// part is a group's members on one node.
type part struct {
	node  string
	group broker.Group
}

type members struct {
	users map[string]string // by connection
	until time.Time
}

func (n *nodes) init() {
	n.leases, n.parts = make(map[string]time.Time), make(map[part]*members)
}

// Lease notes until when a node lives.
func (b *Broker) Lease(_ context.Context, node string, lives time.Duration) (held bool, err error) {
	b.nodes.mu.Lock()
	defer b.nodes.mu.Unlock()
	now := time.Now()
	until, ok := b.nodes.leases[node]
	b.nodes.leases[node] = now.Add(lives)
	return ok && until.After(now), nil
}

// Resign ends a lease.
func (b *Broker) Resign(_ context.Context, node string) error {
	b.nodes.mu.Lock()
	defer b.nodes.mu.Unlock()
	delete(b.nodes.leases, node)
	return nil
}

// Living returns the nodes whose time is not over.
func (b *Broker) Living(context.Context) (living []string, err error) {
	b.nodes.mu.Lock()
	defer b.nodes.mu.Unlock()
	now := time.Now()
	for node, until := range b.nodes.leases {
		if until.After(now) {
			living = append(living, node)
		}
	}
	return living, nil
}

// Mark notes who has come and gone.
func (b *Broker) Mark(_ context.Context, node string, marks []broker.Mark, kept time.Duration) error {
	b.nodes.mu.Lock()
	defer b.nodes.mu.Unlock()
	now := time.Now()
	for _, m := range marks {
		p := part{node, m.Group}
		all := b.nodes.parts[p]
		switch {
		case all != nil && now.Before(all.until):
		case m.Gone:
			continue
		default:
			all = &members{users: make(map[string]string)}
			b.nodes.parts[p] = all
		}
		all.until = now.Add(kept)
		if !m.Gone {
			all.users[m.Connection] = m.User
			continue
		}
		delete(all.users, m.Connection)
		if len(all.users) == 0 {
			delete(b.nodes.parts, p)
		}
	}
	return nil
}

// Present returns a page of who is in a group.
func (b *Broker) Present(_ context.Context, g broker.Group, nodes []string, after string, limit int) ([]broker.Member, error) {
	b.nodes.mu.Lock()
	defer b.nodes.mu.Unlock()
	now := time.Now()
	var all []broker.Member
	for _, node := range nodes {
		of := b.nodes.parts[part{node, g}]
		if of == nil || now.After(of.until) {
			continue
		}
		for connection, user := range of.users {
			if connection > after {
				all = append(all, broker.Member{Node: node, Connection: connection, User: user})
			}
		}
	}
	slices.SortFunc(all, broker.CompareMembers)
	return broker.PageMembers(all, limit), nil
}

// expire forgets what nobody keeps any more.
func (n *nodes) expire(now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for node, until := range n.leases {
		if now.After(until) {
			delete(n.leases, node)
		}
	}
	for p, all := range n.parts {
		if now.After(all.until) {
			delete(n.parts, p)
		}
	}
}
