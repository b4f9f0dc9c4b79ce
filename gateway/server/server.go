// Package server is the trunk of the gateway: it joins the sockets of the
// reactor, the protocol of wire, the lists of hub, the decisions of auth and
// the streams of the broker. A connection is a session; a message of a session
// goes up through the relay to the broker, and what the broker reads comes down
// through the relay to the sessions.
//
// Everything that a session or a hub has is owned by the loop of one reactor
// worker and is not locked. What several workers need, the topics, is locked per
// topic.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// Config is what the server is told once, by value.
type Config struct {
	Hubs     []string // that clients may connect to, lower case
	Routes   []Route  // for simple clients
	Echo     string   // path of the echo route; empty is none
	Keys     *auth.Keys
	Expire   bool          // connections end with their token
	Revoked  time.Duration // for how long it is kept that a user's tokens were revoked
	Origins  []string      // as auth.AllowOrigin reads them
	Workers  []*reactor.Worker
	Adopt    Adopt
	Broker   func(broker.Receiver) (broker.Broker, error)
	Deflate  Deflate
	Limits   Limits
	Presence auth.Groups // of which presence is kept
	Log      *slog.Logger
	Metrics  *metrics.Set
	Sessions Sessions
	Linger   time.Duration // an empty group stays open for this long, in case a member comes back
}

// Adopt gives a hijacked connection, and what was read of it already, to the
// worker that has the fewest; reactor.Reactor has it.
type Adopt = func(conn net.Conn, buffered []byte, h reactor.Handler, deflate bool) error

// Route is a path for simple clients: each frame in is a message to the group
// that {group} in the path names, each message out is the bare payload.
type Route struct {
	Path string // like /ws/chat/{group}/
	Hub  string
}

// Deflate is permessage-deflate (RFC 7692), without context takeover.
type Deflate struct {
	Enabled  bool // agreed to if a client offers it
	MinBytes int  // of a frame; smaller ones are sent as they are
}

// Limits bounds what clients may take.
type Limits struct {
	Connections         int // on this node
	Address             int // of them, those of one client's address; 0: no bound
	User                int // likewise, of one user
	GroupsPerConnection int
	Groups              int // that are open on this node, beside those that are pinned
	MessageRate         int // messages a second of one connection, as the reactor was told; 0 is none
	ByteRate            int // bytes, likewise
	GroupNameBytes      int
	History             int // messages that a member may ask for when it joins
	Unacked             int // messages that a reliable client may have, without an ack, before no more are sent
	Detached            int // records of sessions that may wait to be written
}

// Server is the sessions of one node. Its methods may be called from any
// goroutine.
type Server struct {
	// Static after New.
	Config
	hubs       map[string]*endpoint // by name
	echo       *endpoint
	decoders   []wire.Decoder // one per worker, each owned by its worker's loop
	drainers   []drainer      // likewise
	relay      *relay
	node       string      // its name, new at each start
	attendance *attendance // nil if no group is kept
	keeper     *keeper
	attached   attached
	inquiries  inquiries

	directories   []directory // one per worker, each owned by its worker's loop
	errands       []errands   // by worker
	closedLately  lately[hubConnection]
	revokedLately lately[account]
	revocations   revocations
	living        living
	counts        counters
	addresses     *quota[netip.Addr] // connections by client; nil if they have no bound
	users         *quota[account]    // and by user, likewise
	rateTexts     rateTexts

	stop      context.CancelFunc
	swept     chan struct{} // closed when the sweep of idle topics has ended
	trimmed   chan struct{} // closed when trim has ended
	leased    chan struct{} // closed when keepLease has ended
	hears     chan struct{} // closed when the group of orders is open for the first time
	heard     sync.Once     // of that
	unlease   context.CancelFunc
	upgrading atomic.Int64  // handshakes that are being answered
	upgraded  atomic.Uint64 // and those that were
	wave      chan struct{} // to trim: they are many
}

// New starts a server on a running reactor and opens the broker. The caller
// mounts Routes on its public listener.
func New(c Config) (*Server, error) {
	s := &Server{
		Config:  c,
		hubs:    make(map[string]*endpoint, len(c.Hubs)),
		swept:   make(chan struct{}),
		trimmed: make(chan struct{}),
		leased:  make(chan struct{}),
		hears:   make(chan struct{}),
		wave:    make(chan struct{}, 1),
	}
	for _, name := range c.Hubs {
		s.endpoint(strings.ToLower(name))
	}
	s.echo = &endpoint{server: s}
	s.decoders = make([]wire.Decoder, len(c.Workers))
	s.newDrainers()
	s.counts.init(c.Metrics)
	s.addresses = newQuota[netip.Addr](c.Limits.Address)
	s.users = newQuota[account](c.Limits.User)
	s.rateTexts = newRateTexts(c.Limits)
	s.node = rand.Text()
	s.attendance = newAttendance(s)
	s.attached.byID = make(map[string]*session)
	s.newDirectories()
	s.keeper = newKeeper(s, c.Metrics)
	s.relay = newRelay(s)
	b, err := c.Broker(s.relay.receiver())
	if err != nil {
		return nil, err
	}
	s.relay.broker = b
	s.relay.lender, _ = b.(broker.Lender)
	s.attendance.start(b)
	for name := range s.hubs {
		s.relay.pin(broker.Group{Hub: name, Name: everyone})
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	b.Subscribe(nodeGroup(s.node))
	b.Subscribe(controlGroup())
	leasing, unlease := context.WithCancel(context.Background())
	s.unlease = unlease
	go s.keepLease(leasing, s.leased)
	go s.keeper.run(ctx)
	go s.relay.sweep(ctx, s.swept)
	go s.trim(ctx, s.trimmed)
	return s, nil
}

// endpoint is that of a hub. Called before serving.
func (s *Server) endpoint(hub string) *endpoint {
	if s.hubs[hub] == nil {
		s.hubs[hub] = &endpoint{server: s, hub: hub}
	}
	return s.hubs[hub]
}

// errDeaf is why a node is not ready that has just started.
var errDeaf = errors.New("the node does not hear the application's orders yet")

// Ready is nil when messages can pass, or says what is wrong with the broker.
// It never waits.
func (s *Server) Ready() error {
	if err := s.relay.broker.Ready(); err != nil {
		return err
	}
	select {
	case <-s.hears:
		return nil
	default:
		return errDeaf
	}
}

// Close ends the broker and the server's own goroutines. The reactor is shut down
// before it, so that no session is left and no task of the pool; what these have
// left to write goes to the broker from here, before it is closed.
func (s *Server) Close() error {
	s.releaseRest()
	s.stop()
	<-s.keeper.ended
	<-s.swept
	<-s.trimmed
	s.attendance.close()
	s.unlease()
	<-s.leased
	s.resign()
	return s.relay.broker.Close()
}
