package server

import (
	"fmt"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/wire"
)

// past is what a client that joins asks for of what was said before, and of what it is
// told beside the messages. Nil asks for nothing.
type past struct {
	since   broker.Position // go on from there
	resumes bool            // since was given
	empty   broker.Position // in place of a since that is zero, if it is known when nothing had been said
	history int             // the last so many messages; since comes first, if it can be honoured
	silent  bool            // the client has not asked for it, and does not hear of gaps
}

// pastOf reads what a request to join asks for.
func (s *session) pastOf(q *wire.Request) (*past, refusal, bool) {
	if q.Since == nil && !q.HasHistory && !q.Gaps {
		return nil, refusal{}, false
	}
	p := &past{resumes: q.Since != nil}
	if p.resumes {
		var err error
		if p.since, err = broker.ParsePosition(string(q.Since)); err != nil {
			text := "since is no position: send back the position of a message of the group, or of the ack of an earlier joinGroup, as it was"
			return nil, refusal{faultBadRequest, wire.BadRequest, text}, true
		}
	}
	if most := s.server.Limits.History; q.History > uint64(most) {
		text := fmt.Sprintf("history is at most %d messages, which is how many the setting capacity keeps of a group", most)
		return nil, refusal{faultBadRequest, wire.BadRequest, text}, true
	}
	p.history = int(q.History)
	return p, refusal{}, false
}

// looks reports whether the stream has to be looked at before the member has a place.
func (p *past) looks() bool { return p != nil && (p.resumes || p.history > 0) }

// entered is how a join has ended.
type entered struct {
	at        broker.Position // the member gets everything that stands after it
	recovered wire.Recovery
	err       error
}

// again is how a join ends of one that is a member already, and stays as it is: since is
// honoured if it does not stand before what the member gets from now on.
func (w *waiter) again() entered {
	m := &w.membership.Member
	e := entered{at: m.from}
	if w.past == nil {
		return e
	}
	m.notices = m.notices || !w.past.silent
	if w.past.resumes {
		e.recovered = wire.Recovered
		if w.past.since.Before(m.from) {
			e.recovered = wire.NotRecovered
		}
	}
	return e
}
