package server

import (
	"errors"

	"github.com/tidegate/tidegate/broker"
)

// topics are those that are open on this node, by hub and name: a key of one string is
// half of one of two, and there may be as many as connections. Guarded by relay.mu.
type topics map[string]map[string]*topic

// of is the topic of a group, or nil.
func (t topics) of(g broker.Group) *topic { return t[g.Hub][g.Name] }

func (t topics) add(one *topic) {
	g := one.group
	if t[g.Hub] == nil {
		t[g.Hub] = make(map[string]*topic)
	}
	t[g.Hub][g.Name] = one
}

func (t topics) remove(one *topic) { delete(t[one.group.Hub], one.group.Name) }

func (t topics) len() (n int) {
	for _, of := range t {
		n += len(of)
	}
	return n
}

// errNodeGroups is why a group is not opened for a client.
var errNodeGroups = errors.New("this node has as many groups open as limits.groups allows; try again later")

// full reports whether no further group may be opened for a client: with those that the
// gateway has pinned itself there are always some. Called with r.mu held.
func (r *relay) full() bool { return r.topics.len()-r.pinned >= r.server.Limits.Groups }
