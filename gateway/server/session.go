package server

import (
	"bytes"
	"context"
	"log/slog"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/address"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// everyone is the group that each session of a hub is in from its start: the
// application's send to all. Clients cannot name it, since it begins with a dot.
const everyone = ".all"

// dialect is how a session's client speaks.
type dialect uint8

const (
	jsonDialect   dialect = iota // json.webpubsub.azure.v1: requests, acks, messages in envelopes
	simpleDialect                // bare payloads, both ways
	echoDialect                  // each message back to its sender
)

// endpoint is what all sessions of one hub have in common.
type endpoint struct {
	server *Server
	hub    string // its name; empty for echoes, which are in no group
}

// session is one client. It is the reactor's handler of its connection; all of
// it is owned by the loop of that connection's worker. There are as many as
// connections, so what few have at a time is behind a pointer.
type session struct {
	// Static after the handshake.
	*endpoint
	simple   *simpleClient // nil for clients of the JSON protocol
	reliable *reliable     // nil for all but those of the reliable subprotocol
	id       connectionID
	dialect  dialect
	deflate  bool   // agreed to permessage-deflate
	warning  uint16 // seconds before its token's end that the client is told of it; 0: not

	// Owned by the loop.
	stage       stage
	conn        *reactor.Conn
	identity    *auth.Identity // another one if the application changes its permissions
	memberships []*membership
	acks        ackMemory
	backlog     *backlog
}

// simpleClient is what a client of bare payloads has said in its handshake.
type simpleClient struct {
	group  string // where its frames go; empty: nowhere
	noEcho bool   // its own messages do not come back
}

// backlog is what is not done yet.
type backlog struct {
	late    []*membership // that have a position to go on from
	held    []held        // messages that wait for their group to be opened
	lookups []*lookup     // joins that wait for their stream to be looked at

	watchers []*watcher // of groups, that have more to be told than their connection took
}

// worker is the index of the worker that the session's connection belongs to.
func (s *session) worker() int { return s.conn.Worker().Index() }

// openBacklog returns the session's backlog, and makes one if there is none.
func (s *session) openBacklog() *backlog {
	if s.backlog == nil {
		s.backlog = new(backlog)
	}
	return s.backlog
}

// closeBacklog forgets a backlog in which nothing is left.
func (s *session) closeBacklog() {
	if b := s.backlog; b != nil && len(b.late) == 0 && len(b.held) == 0 && len(b.lookups) == 0 && len(b.watchers) == 0 {
		s.backlog = nil
	}
}

// Open begins the session. Called once, first, on the loop.
func (s *session) Open(c *reactor.Conn) {
	s.conn = c
	s.log("connection opened")
	if s.dialect != echoDialect {
		s.directory().add(s)
		s.begin()
		s.recheck()
	}
	s.server.drainers[s.worker()].opened(s)
}

// begin greets the client and joins it to what it is in from the start.
func (s *session) begin() {
	if r := s.reliable; r != nil {
		if r.recovery != nil {
			r.recovery.begin()
			return
		}
		s.attach()
	}
	if s.dialect == jsonDialect {
		s.connected()
	}
	s.watchExpiry()
	s.server.relay.join(s, broker.Group{Hub: s.hub, Name: everyone}, nil, nil)
	for _, g := range s.identity.Groups {
		s.enter(g)
	}
	if s.simple != nil && s.simple.group != "" {
		s.enter(s.simple.group)
	}
}

// enter joins a group that no client asked for in a frame, so nobody waits for an
// ack: a simple client that cannot be joined is told by its close.
func (s *session) enter(name string) {
	s.server.relay.join(s, broker.Group{Hub: s.hub, Name: name}, nil, func(e entered) {
		if e.err == nil {
			return
		}
		f, text := brokerFault(e.err)
		s.server.counts.fault(f)
		s.conn.Close(tryAgainLater, text, closedJoinFailed)
	})
}

// Message takes one whole message of the client. Called on the loop; payload is
// valid only during the call.
func (s *session) Message(c *reactor.Conn, payload []byte, binary bool) {
	switch rate := c.Exceeded(); {
	case s.stage != present: // the client learns from its close that this was not taken
	case rate != reactor.NoRate:
		s.exceed(rate, payload, binary)
	case s.recovers() && !binary:
		s.reliable.recovery.hear(payload)
	case s.dialect == echoDialect:
		c.Send(reactor.NewFrame(payload, binary))
	case s.dialect == simpleDialect:
		s.plain(payload, binary)
	default:
		s.message(payload, binary)
	}
}

// recovers reports whether it is not known yet who the session is.
func (s *session) recovers() bool { return s.reliable != nil && s.reliable.recovery != nil }

// decode reads a frame into q. One that is no request ends the connection.
func (s *session) decode(frame []byte, binary bool, q *wire.Request) bool {
	if binary {
		s.conn.Close(ws.StatusUnsupportedData, "this subprotocol speaks JSON in text frames", closedBinaryFrame)
		return false
	}
	if err := s.read(frame, q); err != nil {
		s.conn.Close(ws.StatusInvalidFramePayloadData, err.Error(), closedInvalidRequest)
		return false
	}
	return true
}

// prepared is a request that was decoded before its turn came.
type prepared struct {
	request wire.Request
	err     error
}

// prepare decodes a long request. May be called on any goroutine.
func prepare(frame []byte) any {
	var d wire.Decoder
	p := new(prepared)
	p.err = d.Decode(frame, &p.request)
	return p
}

// Prepare has requests decoded beside the loop, if they are long. Called on the loop.
func (s *session) Prepare(binary bool) func([]byte) any {
	if binary || s.dialect != jsonDialect {
		return nil
	}
	return prepare
}

// read decodes a frame into q, unless it was done before.
func (s *session) read(frame []byte, q *wire.Request) error {
	if p, ok := s.conn.Prepared().(*prepared); ok {
		*q = p.request
		return p.err
	}
	return s.server.decoders[s.worker()].Decode(frame, q)
}

// message is the protocol's table of contents: one line a request.
func (s *session) message(frame []byte, binary bool) {
	var q wire.Request
	if !s.decode(frame, binary, &q) {
		return
	}
	switch q.Kind {
	case wire.JoinGroup:
		s.joinGroup(&q)
	case wire.LeaveGroup:
		s.leaveGroup(&q)
	case wire.SendToGroup:
		s.server.relay.publish(s, &q)
	case wire.Event:
		s.refuse(&q, refusal{faultNoHandler, wire.NotFound, "no event handler is configured for event " + q.Event})
	case wire.Ping:
		s.conn.Send(pong)
	case wire.SequenceAck:
		s.sequenceAck(q.SequenceID)
	}
}

// plain takes a simple client's frame: a message to its group. There is no ack to
// answer with, so what could not be taken is answered by the close.
func (s *session) plain(payload []byte, binary bool) {
	if s.simple.group == "" {
		s.server.counts.fault(faultNoHandler)
		s.conn.Close(ws.StatusInternalServerError, "no event handler is configured; connect with webpubsub_mode=sendToGroup", closedNoHandler)
		return
	}
	q := wire.Request{Kind: wire.SendToGroup, Group: s.simple.group, Type: wire.Text, NoEcho: s.simple.noEcho, Data: payload}
	if binary {
		q.Type = wire.Binary
	}
	s.server.relay.publish(s, &q)
}

// Closed ends the session: it leaves every group. Called once, last, on the loop.
func (s *session) Closed(c *reactor.Conn, why reactor.Reason) {
	s.stage = departed
	s.directory().remove(s)
	s.server.addresses.give(address.Of(c.RemoteAddr()))
	s.server.giveUser(s.account())
	if s.reliable != nil {
		s.detach(why)
	}
	for _, m := range s.memberships {
		s.server.relay.leave(s, m)
	}
	s.memberships = nil
	// What the client said before it went is said all the same.
	if s.backlog != nil {
		for _, h := range s.backlog.held {
			s.server.relay.submit(s, h.outgoing)
		}
		s.backlog = nil
	}
	s.log("connection closed", slog.String("reason", string(why)))
}

// answer acks a request that was done. The position may be empty.
func (s *session) answer(ackID uint64, position string) {
	s.acks.end(ackID, true)
	s.text(func(dst []byte) []byte { return wire.AppendAck(dst, wire.Ack{ID: ackID, Position: position}) })
	s.settled()
}

// joined acks a request to join.
func (s *session) joined(ackID uint64, e entered) {
	s.acks.end(ackID, true)
	s.text(func(dst []byte) []byte {
		return wire.AppendAck(dst, wire.Ack{ID: ackID, Position: e.at.String(), Recovered: e.recovered})
	})
	s.settled()
}

// refuse counts a request that was not done and, if it has an ackId, says why.
func (s *session) refuse(q *wire.Request, r refusal) {
	s.server.counts.fault(r.fault)
	if !q.HasAckID {
		return
	}
	s.acks.end(q.AckID, false)
	s.text(func(dst []byte) []byte {
		return wire.AppendAck(dst, wire.Ack{ID: q.AckID, Error: r.name, Text: r.text})
	})
	s.settled()
}

// text sends one text frame that only this client gets.
func (s *session) text(appendTo func([]byte) []byte) {
	s.conn.Send(reactor.BuildFrame(false, 160, appendTo))
}

// log writes at debug: one line when a connection opens, one when it closes, and
// none per message.
func (s *session) log(event string, more ...any) {
	l := s.server.Log
	if !l.Enabled(context.Background(), slog.LevelDebug) {
		return // before the address is put into words
	}
	l.With("connection", s.id.String(), "hub", s.hub, "user", s.identity.User, "address", s.conn.RemoteAddr().String()).Debug(event, more...)
}

// pong answers every client's ping; it is the same for all.
var pong = reactor.NewFrame(bytes.Clone(wire.Pong), false)
