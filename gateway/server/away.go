package server

import (
	"context"
	"slices"

	"github.com/tidegate/tidegate/broker"
)

// closedText is what a client is told if the application did not say why it closes it.
const closedText = "the application has closed this connection"

// doAway does with a session that waits for its client what an order says, on its record.
// It waits for the broker.
func (s *Server) doAway(ctx context.Context, o *Order) (Tally, error) {
	key, found := sessionKey(o.Connection), Tally{Found: 1, Done: 1}
	data, err := s.relay.broker.Get(ctx, key)
	if err != nil {
		return Tally{}, err
	}
	c, err := decodeRecord(data)
	if err != nil || c.ID != o.Connection || c.Hub != o.Hub {
		return Tally{}, nil
	}
	change := o.amendment()
	switch {
	case o.Verb == Find:
		return found, nil
	case o.Verb == Disconnect:
	case change == nil:
		return Tally{}, nil
	default:
		if err := change(c); err != nil {
			return Tally{Found: 1, Fault: err.Error()}, nil
		}
	}
	data, err = s.relay.broker.Take(ctx, key)
	switch {
	case err != nil:
		return Tally{}, err
	case data == nil: // it has just gone on somewhere, which has the order too
		return Tally{}, nil
	case o.Verb == Disconnect:
		return found, nil
	}
	if c, err = decodeRecord(data); err == nil {
		err = change(c)
	}
	if err != nil { // it has become another since it was looked at
		found = Tally{Found: 1, Fault: err.Error()}
	} else {
		data = c.encode()
	}
	return found, s.relay.broker.Put(ctx, []broker.Value{{Key: key, Data: data, Lives: s.Sessions.Expiry}})
}

// amendment is what an order changes in the record of a session that is away; nil if that
// can only be done, or said, with the client there.
func (o *Order) amendment() func(*record) error {
	switch o.Verb {
	case Permit:
		return func(c *record) (err error) {
			c.Permits, err = addPermit(c.Permits, o.Change)
			return err
		}
	case Leave:
		return func(c *record) error { return c.leave(func(p place) bool { return p.Group == o.Group }) }
	case LeaveAll:
		return func(c *record) error { return c.leave(func(p place) bool { return p.Group != everyone }) }
	}
	return nil
}

// leave takes groups out of a record; that never fails.
func (c *record) leave(which func(place) bool) error {
	c.Groups = slices.DeleteFunc(slices.Clone(c.Groups), which)
	return nil
}
