package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/memory"
	"github.com/tidegate/tidegate/broker/redisstream"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/door"
	"github.com/tidegate/tidegate/gateway/proxy"
	"github.com/tidegate/tidegate/gateway/server"
	"github.com/tidegate/tidegate/gateway/tlsconn"
	"github.com/tidegate/tidegate/reactor"
)

// linger is how long a group stays open on a node without a member: long enough
// for a page to be reloaded, short enough to forget.
const linger = 5 * time.Second

// doorPatience is how long a connection may hold one of the few places of those whose
// handshake is being made: much longer than it takes, much shorter than a client that
// says nothing, or whose request takes long, would hold it.
const doorPatience = 250 * time.Millisecond

// reactorConfig is the reactor's part of the settings.
func reactorConfig(c config.Config, log *slog.Logger, set *metrics.Set) reactor.Config {
	return reactor.Config{
		Workers:          c.Workers,
		PoolSize:         c.Pool.Size,
		PoolQueue:        c.Pool.Queue,
		Queue:            c.Limits.WorkerQueue,
		MessageBytes:     c.Limits.MessageBytes,
		Fragments:        c.Limits.MessageFragments,
		MessageRate:      c.Limits.MessagesPerSecond,
		ByteRate:         c.Limits.BytesPerSecond,
		SendBuffer:       c.Limits.SendBufferBytes,
		SocketBuffer:     c.Limits.SocketBufferBytes,
		Heartbeat:        c.Heartbeat.Interval,
		HeartbeatTimeout: c.Heartbeat.Timeout,
		Log:              log,
		Metrics:          set,
	}
}

// serverConfig is the server's part of the settings.
func serverConfig(n *node) (server.Config, error) {
	c := n.config
	kept, err := auth.ParseGroups(c.Presence.Groups)
	if err != nil {
		return server.Config{}, err
	}
	routes := make([]server.Route, 0, len(c.Routes))
	for _, r := range c.Routes {
		routes = append(routes, server.Route{Path: r.Path, Hub: r.Hub})
	}
	return server.Config{
		Hubs:     c.Hubs,
		Routes:   routes,
		Echo:     c.Echo,
		Keys:     n.keys.Keys(),
		Expire:   c.Auth.CloseAtExpiry,
		Revoked:  c.Auth.RevokedFor,
		Origins:  c.Origins,
		Workers:  n.reactor.Workers(),
		Adopt:    n.reactor.Adopt,
		Broker:   n.openBroker,
		Linger:   linger,
		Sessions: server.Sessions{Expiry: c.Session.Expiry, Checkpoint: c.Session.Checkpoint},
		Deflate:  server.Deflate{Enabled: c.Compression.Enabled, MinBytes: c.Compression.MinBytes},
		Limits: server.Limits{
			Connections:         c.Limits.Connections,
			Address:             c.Limits.ConnectionsPerAddress,
			User:                c.Limits.ConnectionsPerUser,
			GroupsPerConnection: c.Limits.GroupsPerConnection,
			Groups:              c.Limits.Groups,
			GroupNameBytes:      c.Limits.GroupNameBytes,
			MessageRate:         c.Limits.MessagesPerSecond,
			ByteRate:            c.Limits.BytesPerSecond,
			History:             c.Capacity,
			Unacked:             c.Limits.UnackedMessages,
			Detached:            c.Limits.DetachedSessions,
		},
		Presence: kept,
		Log:      n.log,
		Metrics:  n.metrics,
	}, nil
}

// openServer opens the server, and with it the broker.
func (n *node) openServer() error {
	c, err := serverConfig(n)
	if err != nil {
		return err
	}
	n.server, err = server.New(c)
	return err
}

// doorConfig is the door's part of the settings.
func doorConfig(n *node) door.Config {
	l := n.config.Limits
	return door.Config{
		Places: l.Handshakes, Queue: l.HandshakeQueue, Wait: l.HandshakeTimeout, Patience: doorPatience,
		PerSecond: l.HandshakesPerSecond, HeaderBytes: l.HeaderBytes, TLS: n.speaksTLS("public"),
		Busy: n.busy, Log: n.log, Metrics: n.metrics,
	}
}

// behindProxies is the public listener, whose connections begin with the PROXY protocol if
// the settings say so.
func (n *node) behindProxies(l net.Listener) net.Listener {
	if !n.config.Proxies.Protocol {
		return l
	}
	return n.proxies.Listener(l, proxy.Protocol{Timeout: n.config.Limits.HandshakeTimeout, Log: n.log, Metrics: n.metrics})
}

// openCertificate reads the certificate of the listeners, if there is one.
func (n *node) openCertificate() (err error) {
	c := n.config.TLS
	if n.certificate, err = tlsconn.Open(tlsconn.Files{Cert: c.CertFile, Key: c.KeyFile, Log: n.log, Metrics: n.metrics}); err != nil {
		return usageError{err}
	}
	return nil
}

// checkCertificate reads the certificate, so that what is wrong with it is known before.
func checkCertificate(c config.Config) error {
	if err := (tlsconn.Files{Cert: c.TLS.CertFile, Key: c.TLS.KeyFile}).Check(); err != nil {
		return usageError{err}
	}
	return nil
}

// speaksTLS reports whether a listener does.
func (n *node) speaksTLS(name string) bool {
	return n.certificate != nil && (name == "public" || n.config.TLS.Operator)
}

// scheme is what a listener's addresses begin with.
func (n *node) scheme(name string) string {
	if n.speaksTLS(name) {
		return "https"
	}
	return "http"
}

// guarded is a handler with what stands in for keys where there are none.
func (n *node) guarded(h http.Handler) http.Handler {
	if n.config.HasKeys() {
		return h
	}
	return n.server.Local(h)
}

// secured is a listener with TLS.
func (n *node) secured(l net.Listener) net.Listener {
	return n.certificate.Listen(l, tlsconn.Config{Buffer: n.config.Limits.SocketBufferBytes, Timeout: n.config.Heartbeat.Timeout})
}

// busyLag is how late those who are connected may be served before newcomers wait.
const busyLag = time.Millisecond

// busy reports whether they are.
func (n *node) busy() bool { return n.server.Late(busyLag) }

// openBroker opens the broker that the settings name: the one line that a new
// broker is wired by.
func (n *node) openBroker(r broker.Receiver) (broker.Broker, error) {
	c := n.config
	limits := broker.Limits{
		Capacity:      c.Capacity,
		GroupExpiry:   c.GroupExpiry,
		QueueMessages: c.Publish.QueueMessages,
		QueueBytes:    c.Publish.QueueBytes,
		WriteTimeout:  c.Publish.Timeout,
	}
	if c.Broker == "memory" {
		return memory.New(memory.Config{Limits: limits, Bytes: c.Memory.Bytes, Receiver: r, Metrics: n.metrics, Log: n.log})
	}
	return redisstream.New(redisstream.Config{
		URL: c.Broker, TLS: redisstream.TLS(c.Redis.TLS), Prefix: c.Redis.Prefix, Sweep: c.Redis.Sweep, Probe: c.Redis.Probe,
		WaitReplicas: c.Redis.WaitReplicas, WaitTimeout: c.Redis.WaitTimeout,
		Limits: limits, Receiver: r, Metrics: n.metrics, Log: n.log,
	})
}

// newLogger is the log in the configured format; both were validated.
func newLogger(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level))
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
