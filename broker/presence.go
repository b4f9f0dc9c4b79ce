package broker

import (
	"context"
	"strings"
	"time"
)

// Presence is where the nodes tell each other who is in which group. Every entry is one
// node's own, and nobody else writes it: a node that has died leaves entries behind that
// nobody believes, since its lease has ended, and that go away by themselves. So there is
// nothing to clean up after it, and nothing to be cleaned up by mistake.
//
// All methods wait for the answer and so belong neither on a loop nor on the broker's
// goroutines; errors are ErrUnavailable and ErrClosed. After an error anything from
// nothing to all may have been done; doing it again does no harm.
type Presence interface {
	// Lease says that a node lives, for so long from now, at least a millisecond. held
	// is whether it still had a lease: if not, others may have taken it for dead, or what
	// it has marked may be gone.
	Lease(ctx context.Context, node string, lives time.Duration) (held bool, err error)
	// Resign ends a node's lease at once.
	Resign(ctx context.Context, node string) error
	// Living returns the nodes that have a lease, in any order.
	Living(ctx context.Context) ([]string, error)
	// Mark notes who has come to the node and who has gone, in one round, with at most
	// one mark for a connection in a group. What a node has marked in a group is kept for
	// so long after its last mark there, at least a millisecond.
	Mark(ctx context.Context, node string, marks []Mark, kept time.Duration) error
	// Present returns who is in g on the nodes given, living or not, in the order of
	// their connections' names: limit (at least 1) of them, after the connection named,
	// and of the last connection all, if it is on several nodes. Fewer than limit are the
	// last ones.
	Present(ctx context.Context, g Group, nodes []string, after string, limit int) ([]Member, error)
}

// Member is a connection that is in a group on a node.
type Member struct {
	Node       string // without a slash or a colon
	Connection string // without a space
	User       string // as other clients may know it; may be empty
}

// CompareMembers puts members in the order of Present, for the brokers to sort by.
func CompareMembers(a, b Member) int {
	if c := strings.Compare(a.Connection, b.Connection); c != 0 {
		return c
	}
	return strings.Compare(a.Node, b.Node)
}

// PageMembers cuts members in the order of Present to limit, but not within a connection,
// for the brokers.
func PageMembers(all []Member, limit int) []Member {
	n := min(limit, len(all))
	for n > 0 && n < len(all) && all[n].Connection == all[n-1].Connection {
		n++
	}
	return all[:n]
}

// Mark is a change of who is in a group. User is the same when a connection goes as when
// it came.
type Mark struct {
	Group      Group
	Connection string
	User       string
	Gone       bool
}
