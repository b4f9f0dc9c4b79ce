package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/wire"
)

// What Send answers. Wrapped, so compare with errors.Is.
var (
	ErrUnknownHub = errors.New("unknown hub")
	ErrBadRequest = errors.New("bad request")
)

// Outgoing is a message from the application.
type Outgoing struct {
	Hub     string
	Group   string // empty: everyone in the hub
	Type    broker.DataType
	Data    []byte
	Exclude string // the connection that does not get it; may be empty
	Meta    string // metadata as a JSON object of strings; may be empty
}

// Send publishes a message of the application and waits until the stream has it;
// it returns the position. Errors: ErrUnknownHub, ErrBadRequest, and those of
// broker.Broker. May be called from any goroutine but a reactor's.
func (s *Server) Send(ctx context.Context, o Outgoing) (broker.Position, error) {
	if s.hubs[o.Hub] == nil {
		return broker.Position{}, fmt.Errorf("%w: %q is not among the configured hubs", ErrUnknownHub, o.Hub)
	}
	if o.Group == "" {
		o.Group = everyone
	} else if err := wire.CheckGroup(o.Group, s.Limits.GroupNameBytes); err != nil {
		return broker.Position{}, fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	m := &broker.Message{
		Group:   broker.Group{Hub: o.Hub, Name: o.Group},
		Data:    o.Data,
		Type:    o.Type,
		Exclude: o.Exclude,
		Meta:    o.Meta,
	}
	s.counts.messages.Inc()
	return s.publishWait(ctx, m)
}

// publishWait publishes a message and waits until the stream has it.
func (s *Server) publishWait(ctx context.Context, m *broker.Message) (broker.Position, error) {
	done := make(chan broker.Outcome, 1)
	_, err := s.relay.broker.Publish([]broker.Publication{{Message: m, Receipt: broker.Receipt{To: done, Asked: true}}})
	if err == nil {
		select {
		case o := <-done:
			err = o.Err
			if err == nil {
				return o.Position, nil
			}
		case <-ctx.Done():
			err = fmt.Errorf("%w: %w", broker.ErrUnknown, ctx.Err())
		}
	}
	f, _ := brokerFault(err)
	s.counts.fault(f)
	return broker.Position{}, err
}

// tryAgainLater is the close code for what may work at another time (RFC 6455
// section 11.7, registered later); gobwas/ws has no name for it.
const tryAgainLater ws.StatusCode = 1013
