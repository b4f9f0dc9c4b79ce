package server

import "github.com/tidegate/tidegate/broker"

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
