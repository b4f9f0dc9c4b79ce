package server

import (
	"fmt"
	"math"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/hub"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// member is a session in a group: it gets what stands after from.
type member struct {
	conn    *reactor.Conn // of the session
	from    broker.Position
	late    lateness
	variant variant // the session's
	notices bool    // it has asked to be told of gaps, in one way or another
}

// session is who the member is.
func (m *member) session() *session { return m.conn.Handler().(*session) }

// membership is a member's place in its group on its worker. The group goes by
// its topic, which is the same for as long as the group stays open.
type membership = hub.Membership[*topic, member]

// group is the members of a topic on one worker.
type group = hub.Group[*topic, member]

// notYet is the position of a member whose group is still being opened: nothing
// stands after it, so nothing is delivered before the join was answered.
var notYet = broker.Position{Ms: math.MaxUint64, Seq: math.MaxUint64}

// joinGroup does a client's request to join. Joining twice is joining once.
func (s *session) joinGroup(q *wire.Request) {
	if r, refused := s.checkJoin(q); refused {
		s.refuse(q, r)
		return
	}
	p, r, refused := s.pastOf(q)
	if refused {
		s.refuse(q, r)
		return
	}
	if !s.fresh(q) {
		return
	}
	request := *q
	request.Data, request.Metadata, request.Since = nil, nil, nil // they point into the frame
	s.server.relay.join(s, broker.Group{Hub: s.hub, Name: q.Group}, p, func(e entered) {
		switch {
		case e.err != nil:
			f, text := brokerFault(e.err)
			s.refuse(&request, refusal{f, wire.InternalServerError, "the group could not be opened: " + text})
		default:
			s.admit(&request, e)
		}
	})
}

// admit acks a join that was done and then has the client told who is in the group, if it
// has asked for that. That it watches is saved with the session before the ack is sent.
func (s *session) admit(q *wire.Request, e entered) {
	a, g := s.server.attendance, broker.Group{Hub: s.hub, Name: q.Group}
	if q.Presence && s.membership(q.Group) != nil { // it may have left meanwhile
		a.expect(s, g)
	}
	watch := func() {
		if q.Presence && a.watches(s, g) {
			a.watch(s, g)
		}
	}
	if !q.HasAckID {
		watch()
		return
	}
	s.saved(func() {
		s.joined(q.AckID, e)
		watch()
	})
}

// checkJoin says whether the client may join what it asks for.
func (s *session) checkJoin(q *wire.Request) (refusal, bool) {
	limits := &s.server.Limits
	if err := wire.CheckGroup(q.Group, limits.GroupNameBytes); err != nil {
		return refusal{faultBadRequest, wire.BadRequest, err.Error()}, true
	}
	if !s.identity.Permissions.MayJoin(q.Group) {
		return refusal{faultForbidden, wire.Forbidden, "the client may not join or leave group " + q.Group}, true
	}
	if len(s.memberships) > limits.GroupsPerConnection && s.membership(q.Group) == nil {
		text := fmt.Sprintf("the client is in %d groups, the most that limits.groups_per_connection allows", limits.GroupsPerConnection)
		return refusal{faultGroupLimit, wire.Forbidden, text}, true
	}
	if q.Presence && !s.server.attendance.keeps(broker.Group{Hub: s.hub, Name: q.Group}) {
		return refusal{faultBadRequest, wire.BadRequest, ErrNoPresence.Error()}, true
	}
	return refusal{}, false
}

// leaveGroup does a client's request to leave; leaving a group that it is not in
// is no error.
func (s *session) leaveGroup(q *wire.Request) {
	if !s.identity.Permissions.MayJoin(q.Group) {
		s.refuse(q, refusal{faultForbidden, wire.Forbidden, "the client may not join or leave group " + q.Group})
		return
	}
	if !s.fresh(q) {
		return
	}
	if s.membership(q.Group) != nil {
		s.depart(q.Group)
	}
	if q.HasAckID {
		id := q.AckID
		s.saved(func() { s.answer(id, "") })
	}
}

// membership is the session's place in a group, or nil. A client is in few
// groups, so a list beats a map in memory and in time.
func (s *session) membership(name string) *membership {
	for _, m := range s.memberships {
		if m.Group.Topic.group.Name == name {
			return m
		}
	}
	return nil
}

// fresh reports whether a request is to be done. One whose ackId was done already
// is answered Duplicate; one whose ackId is still being done is answered when that
// is, by the same ack.
func (s *session) fresh(q *wire.Request) bool {
	if !q.HasAckID {
		return true
	}
	switch s.acks.begin(q.AckID) {
	case ackNew:
		return true
	case ackDone:
		text := fmt.Sprintf("Message with ack-id: %d has been processed", q.AckID)
		s.text(func(dst []byte) []byte {
			return wire.AppendAck(dst, wire.Ack{ID: q.AckID, Error: wire.Duplicate, Text: text})
		})
	}
	return false
}
