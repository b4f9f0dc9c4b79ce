package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/presence"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// attendance is who is in the groups of which presence is kept, and who watches it. A
// server of which no group is kept has none: nil is good for every method.
type attendance struct {
	server    *Server
	keeper    *presence.Keeper
	audiences []audiences // by worker, each owned by its worker's loop
	mails     []mail      // likewise
	dropped   *metrics.Counter
}

// newAttendance returns nil if no group is kept.
func newAttendance(s *Server) *attendance {
	if s.Presence.Empty() {
		return nil
	}
	a := &attendance{server: s, audiences: make([]audiences, len(s.Workers)), mails: make([]mail, len(s.Workers))}
	a.dropped = s.Metrics.NewCounter("tidegate_presence_dropped_total")
	a.keeper = presence.New(presence.Config{
		Node: s.node, Lease: leaseLives, Workers: len(s.Workers), Log: s.Log, Metrics: s.Metrics,
		Output: presence.Output{Snapshot: a.snapshot, Changed: a.changed},
	})
	for i, w := range s.Workers {
		a.audiences[i] = make(audiences)
		a.mails[i].worker, a.mails[i].attendance = w, a
	}
	return a
}

// start begins, once the broker is there.
func (a *attendance) start(b broker.Broker) {
	if a != nil {
		a.keeper.Start(b)
	}
}

// renewed passes on what the broker has said of leases, or that it could not be asked.
// Called on the lease's goroutine.
func (a *attendance) renewed(held bool, living []string, err error, asked time.Time) {
	if a != nil {
		a.keeper.Renewed(held, living, err, asked)
	}
}

// close ends it, when the workers have ended and before the broker does.
func (a *attendance) close() {
	if a != nil {
		a.keeper.Close()
	}
}

// keeps reports whether presence is kept of a group. Called when its topic is made, and
// when a client asks for it.
func (a *attendance) keeps(g broker.Group) bool {
	return a != nil && !strings.HasPrefix(g.Name, ".") && a.server.Presence.Has(g.Name)
}

// owns reports whether a group is one of the keeper's streams, and no topic's.
func (a *attendance) owns(g broker.Group) bool { return a != nil && presence.Owns(g) }

// enter notes a member of a group that is kept. Called on the loop of s.
func (a *attendance) enter(s *session, g broker.Group, worker int) {
	a.keeper.Enter(worker, g, s.id.String(), s.identity.User)
}

// exit notes that it has left, and ends its watching. Called on the loop of s.
func (a *attendance) exit(s *session, g broker.Group, worker int) {
	a.keeper.Exit(worker, g, s.id.String(), s.identity.User)
	a.unwatch(s, g, worker)
}

// snapshot brings watchers who is there. Called by the keeper.
func (a *attendance) snapshot(g broker.Group, to []presence.Watch, members []presence.Someone) {
	pages := pages(g.Name, members)
	for _, w := range to {
		a.mails[w.Worker].add(letter{group: g, to: w.Watcher.(*watcher), frames: pages})
	}
}

// changed brings the watchers of some workers what is new. Called by the keeper.
func (a *attendance) changed(g broker.Group, workers []int, came, gone []presence.Someone) {
	frames := slices.Concat(changeFrames(g.Name, wire.Joined, came), changeFrames(g.Name, wire.Left, gone))
	for _, w := range workers {
		a.mails[w].add(letter{group: g, frames: frames})
	}
}

// presencePage is how many members one frame has at most.
const presencePage = 500

// pages are the frames of a snapshot; of nobody, too, it is one.
func pages(group string, members []presence.Someone) (all []reactor.Frame) {
	for {
		n := min(len(members), presencePage)
		all = append(all, presenceFrame(wire.Presence{Group: group, Event: wire.Snapshot, Members: each(members[:n]), More: n < len(members)}))
		if members = members[n:]; len(members) == 0 {
			return all
		}
	}
}

// changeFrames are those that say who has come or gone.
func changeFrames(group string, e wire.PresenceEvent, members []presence.Someone) (all []reactor.Frame) {
	for some := range slices.Chunk(members, presencePage) {
		all = append(all, presenceFrame(wire.Presence{Group: group, Event: e, Members: each(some)}))
	}
	return all
}

func presenceFrame(p wire.Presence) reactor.Frame {
	return reactor.BuildFrame(false, 1024, func(dst []byte) []byte { return wire.AppendPresence(dst, p) })
}

// each is an iterator over members.
func each(members []presence.Someone) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, m := range members {
			if !yield(m.Connection, m.User) {
				return
			}
		}
	}
}

// ErrNoPresence is what Members answers for a group of which presence is not kept.
var ErrNoPresence = errors.New("presence is not kept of this group: name it in the setting presence.groups")

// Members returns who is in a group on all nodes, in the order of their connections'
// names: at most limit of them, after the connection named, and whether there are more.
// Errors: ErrUnknownHub, ErrBadRequest, ErrNoPresence and those of broker.Presence. May
// be called from any goroutine but a reactor's.
func (s *Server) Members(ctx context.Context, g broker.Group, after string, limit int) (members []broker.Member, more bool, err error) {
	if s.hubs[g.Hub] == nil {
		return nil, false, fmt.Errorf("%w: %q is not among the configured hubs", ErrUnknownHub, g.Hub)
	}
	if err := wire.CheckGroup(g.Name, s.Limits.GroupNameBytes); err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	if !s.attendance.keeps(g) {
		return nil, false, ErrNoPresence
	}
	living, err := s.relay.broker.Living(ctx)
	if err != nil {
		return nil, false, err
	}
	all, err := s.relay.broker.Present(ctx, g, living, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	all = slices.CompactFunc(all, func(a, b broker.Member) bool { return a.Connection == b.Connection })
	if len(all) > limit {
		return all[:limit], true, nil
	}
	return all, false, nil
}
