// Package hub knows who is in which group. It imports nothing of ours and sends
// nothing: it is the table that the fan-out runs over. There is one Hub per
// worker, owned by that worker's loop, so nothing in it is locked.
package hub

// Hub is the membership table of one worker. G names a group, M is what a member
// is to the caller. Not safe for concurrent use: one goroutine owns it.
type Hub[G comparable, M any] struct {
	groups map[G]*Group[G, M]
}

// New returns an empty table.
func New[G comparable, M any]() *Hub[G, M] {
	return &Hub[G, M]{groups: make(map[G]*Group[G, M])}
}

// Group is the members of one group on one worker.
type Group[G comparable, M any] struct {
	Name    G
	members []*Membership[G, M]
}

// Membership is one member's place in one group. The member keeps it, because
// Leave needs it: with it, joining and leaving cost the same in a group of ten as
// in one of a hundred thousand.
type Membership[G comparable, M any] struct {
	Group  *Group[G, M]
	Member M
	index  int // where it stands in Group.members, or -1 once it left
}

// Join adds a member to a group. The caller sees to it that a member joins a
// group once.
func (h *Hub[G, M]) Join(name G, member M) *Membership[G, M] {
	g := h.groups[name]
	if g == nil {
		g = &Group[G, M]{Name: name}
		h.groups[name] = g
	}
	m := &Membership[G, M]{Group: g, Member: member, index: len(g.members)}
	g.members = append(g.members, m)
	return m
}

// Leave ends a membership; ending it twice does nothing. The last member's place
// is filled by the group's last, so the order of members is not that of joining.
func (h *Hub[G, M]) Leave(m *Membership[G, M]) {
	if m.index < 0 {
		return
	}
	g := m.Group
	last := len(g.members) - 1
	g.members[m.index] = g.members[last]
	g.members[m.index].index = m.index
	g.members[last] = nil
	g.members = g.members[:last]
	m.index = -1
	switch {
	case last == 0:
		delete(h.groups, g.Name)
	case cap(g.members) > 64 && last < cap(g.members)/4:
		// A group that was once large gives its room back.
		g.members = append(make([]*Membership[G, M], 0, 2*last), g.members...)
	}
}

// Members returns who is in the group on this worker: the hub's own slice, to be
// read at once and not kept. Nil if there is nobody.
func (h *Hub[G, M]) Members(name G) []*Membership[G, M] {
	if g := h.groups[name]; g != nil {
		return g.members
	}
	return nil
}

// Groups returns how many groups have members on this worker.
func (h *Hub[G, M]) Groups() int { return len(h.groups) }
