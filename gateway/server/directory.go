package server

import (
	"iter"
	"strconv"
)

// directory is who is connected to one worker, by connection and by user. Owned by the
// worker's loop.
type directory struct {
	byID   map[connectionID]*session
	byUser map[account]sessions
}

// account is a user of a hub.
type account struct{ hub, user string }

// account is whose session it is.
func (s *session) account() account { return account{s.hub, s.identity.User} }

// sessions is those of one user; nearly everybody has one.
type sessions struct {
	one  *session
	more map[*session]struct{} // if there are several, all of them
}

func (s *Server) newDirectories() {
	s.directories = make([]directory, len(s.Workers))
	s.errands = make([]errands, len(s.Workers))
	for i, w := range s.Workers {
		s.directories[i] = directory{make(map[connectionID]*session), make(map[account]sessions)}
		e, label := &s.errands[i], `{worker="`+strconv.Itoa(i)+`"}`
		e.worker, e.refused = w, s.Metrics.NewCounter("tidegate_orders_refused_total"+label)
		s.Metrics.NewGauge("tidegate_orders_waiting"+label, e.depth)
	}
	s.inquiries.open = make(map[string]chan answer)
}

// directory is the one that the session is in.
func (s *session) directory() *directory { return &s.server.directories[s.worker()] }

// rename gives a session that goes on the name that it had.
func (s *session) rename(id string) {
	s.directory().remove(s)
	s.id, _ = parseConnectionID(id)
	s.directory().add(s)
}

// add enters a session.
func (d *directory) add(s *session) {
	d.byID[s.id] = s
	a := s.account()
	if a.user == "" {
		return
	}
	all, ok := d.byUser[a]
	switch {
	case !ok:
		all.one = s
	case all.more == nil:
		all.more = map[*session]struct{}{all.one: {}, s: {}}
	default:
		all.more[s] = struct{}{}
	}
	d.byUser[a] = all
}

// remove takes a session out. Of one that is not there it does nothing.
func (d *directory) remove(s *session) {
	if d.byID[s.id] == s {
		delete(d.byID, s.id)
	}
	a := s.account()
	all, ok := d.byUser[a]
	switch {
	case !ok:
		return
	case all.more == nil:
		if all.one == s {
			delete(d.byUser, a)
		}
		return
	}
	delete(all.more, s)
	if len(all.more) == 0 {
		delete(d.byUser, a)
	}
}

// of is the sessions that an order is for. While it runs, sessions may be removed and
// none added.
func (d *directory) of(o *Order) iter.Seq[*session] {
	return func(yield func(*session) bool) {
		switch {
		case o.Connection != "":
			id, _ := parseConnectionID(o.Connection)
			if s := d.byID[id]; s != nil && s.hub == o.Hub {
				yield(s)
			}
		case o.User != "":
			d.ofUser(account{o.Hub, o.User}, yield)
		default:
			d.inGroup(o, yield)
		}
	}
}

func (d *directory) inGroup(o *Order, yield func(*session) bool) {
	for _, s := range d.byID {
		if s.hub == o.Hub && (o.Group == "" || s.membership(o.Group) != nil) && !yield(s) {
			return
		}
	}
}

func (d *directory) ofUser(a account, yield func(*session) bool) {
	all := d.byUser[a]
	if all.more == nil {
		if all.one != nil {
			yield(all.one)
		}
		return
	}
	for s := range all.more {
		if !yield(s) {
			return
		}
	}
}
