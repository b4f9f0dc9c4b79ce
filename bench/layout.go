package main

// Layout is who is where: which connection is a member of which group, and who
// publishes what in which turn. Everything is computed from three numbers, so a
// million connections have no tables. Pure.
//
// Connections 0 to Connections-1 are members, of group id mod Groups. Without
// publishers of their own they take turns in publishing, each to its own group;
// otherwise the connections after them publish, each to all groups in turn, and
// are members of none.
//
// A publisher's turns are numbered from 0, and a turn that could not be used
// stays used: so the turn alone tells the group, the sequence number and, with
// the Pacer, when it was due.
type Layout struct {
	Connections int
	Groups      int
	Publishers  int
}

// Total is the number of connections to open.
func (l Layout) Total() int { return l.Connections + l.Publishers }

// Group is the group that a connection is a member of, or -1.
func (l Layout) Group(id int) int {
	if id >= l.Connections {
		return -1
	}
	return id % l.Groups
}

// Size is the number of members of a group: the deliveries of one publish.
func (l Layout) Size(group int) int {
	return (l.Connections - group + l.Groups - 1) / l.Groups
}

// Senders is the number of connections that publish.
func (l Layout) Senders() int {
	if l.Publishers > 0 {
		return l.Publishers
	}
	return l.Connections
}

// Sender is the id of the i-th connection that publishes.
func (l Layout) Sender(i int) int {
	if l.Publishers > 0 {
		return l.Connections + i
	}
	return i
}

// Slots is the number of publishers that a group hears.
func (l Layout) Slots(group int) int {
	if l.Publishers > 0 {
		return l.Publishers
	}
	return l.Size(group)
}

// Target is what connection id publishes in its turn: to which group, under which
// slot and sequence number.
func (l Layout) Target(id int, turn uint64) (group, slot int, seq uint64) {
	if l.Publishers == 0 {
		return id % l.Groups, id / l.Groups, turn
	}
	slot = id - l.Connections
	groups := uint64(l.Groups)
	// Each publisher starts at another group, so that they do not all speak to the
	// same one at the same time.
	return int((turn + uint64(slot)) % groups), slot, turn / groups
}

// Turn is Target backwards: whose turn, and which, a message came from.
func (l Layout) Turn(group, slot int, seq uint64) (id int, turn uint64) {
	if l.Publishers == 0 {
		return slot*l.Groups + group, seq
	}
	first := (group - slot%l.Groups + l.Groups) % l.Groups
	return l.Connections + slot, seq*uint64(l.Groups) + uint64(first)
}

// Published is how many sequence numbers a publisher used in a group after so many
// turns.
func (l Layout) Published(group, slot int, turns uint64) uint64 {
	_, first := l.Turn(group, slot, 0)
	if turns <= first {
		return 0
	}
	if l.Publishers == 0 {
		return turns
	}
	groups := uint64(l.Groups)
	return (turns - first + groups - 1) / groups
}
