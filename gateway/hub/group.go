// Package hub knows who is in which group. It imports nothing of ours and sends
// nothing: a Group is the list that the fan-out runs over. There is one per group and
// worker, owned by that worker's loop, so nothing in it is locked; whoever knows the
// group keeps it, so nothing is looked up per message.
package hub

// Group is the members of one group on one worker. T is what the group is to the
// caller, M what a member is. Not safe for concurrent use: one goroutine owns it.
type Group[T, M any] struct {
	Topic   T
	members []*Membership[T, M]
}

// New returns a group without members.
func New[T, M any](topic T) *Group[T, M] { return &Group[T, M]{Topic: topic} }

// Membership is one member's place in one group. The member keeps it, because
// Leave needs it: with it, joining and leaving cost the same in a group of ten as
// in one of a hundred thousand.
type Membership[T, M any] struct {
	Group  *Group[T, M]
	Member M
	index  int // where it stands in Group.members, or -1 once it left
}

// Join adds a member. The caller sees to it that a member joins a group once.
func (g *Group[T, M]) Join(member M) *Membership[T, M] {
	m := &Membership[T, M]{Group: g, Member: member, index: len(g.members)}
	g.members = append(g.members, m)
	return m
}

// Leave ends the membership; ending it twice does nothing, and it reports whether it did
// anything. The last member's place is filled by the group's last, so the order of members
// is not that of joining.
func (m *Membership[T, M]) Leave() bool {
	if m.index < 0 {
		return false
	}
	g := m.Group
	last := len(g.members) - 1
	g.members[m.index] = g.members[last]
	g.members[m.index].index = m.index
	g.members[last] = nil
	g.members = g.members[:last]
	m.index = -1
	if cap(g.members) > 64 && last < cap(g.members)/4 {
		// A group that was once large gives its room back.
		g.members = append(make([]*Membership[T, M], 0, 2*last), g.members...)
	}
	return true
}

// Members returns who is in the group on this worker: the group's own slice, to be
// read at once and not kept. A nil group has nobody.
func (g *Group[T, M]) Members() []*Membership[T, M] {
	if g == nil {
		return nil
	}
	return g.members
}
