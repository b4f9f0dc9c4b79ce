package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/api"
	"github.com/tidegate/tidegate/gateway/door"
	"github.com/tidegate/tidegate/gateway/keyring"
	"github.com/tidegate/tidegate/gateway/page"
	"github.com/tidegate/tidegate/gateway/proxy"
	"github.com/tidegate/tidegate/gateway/server"
	"github.com/tidegate/tidegate/gateway/tlsconn"
	"github.com/tidegate/tidegate/reactor"
)

// node is one running gateway.
type node struct {
	config   config.Config
	log      *slog.Logger
	metrics  *metrics.Set
	reactor  *reactor.Reactor
	keys     *keyring.Ring
	server   *server.Server
	public   *http.Server
	operator *http.Server
	door     *door.Door // of the public listener; nil if that could not be opened
	proxies  *proxy.Trust

	certificate *tlsconn.Certificate // nil without TLS
	draining    atomic.Bool          // asked to end
}

// serve runs a node until ctx ends. It starts from the far end, the broker's and
// the workers', so that the door opens last; it stops in reverse, in its own time
// unless hurry ends too.
func serve(ctx, hurry context.Context, loaded *config.Loaded, stderr io.Writer) error {
	defer runtime.KeepAlive(paceCollector())
	metrics.ExposeMetadata(true)
	n := &node{config: loaded.Config, log: newLogger(loaded.Config.Log, stderr), metrics: metrics.NewSet()}
	began := time.Now()
	n.log.Info("starting", "version", version, "workers", n.config.Workers, "broker", loaded.Redacted("broker"))
	for _, a := range loaded.Aliases() {
		n.log.Info("setting taken from a variable of the former deployment", "setting", a.Key, "variable", a.Variable)
	}
	n.warn()
	if err := n.start(); err != nil {
		return err
	}
	failed := make(chan error, 2)
	err := errors.Join(n.open(n.public, "public", n.config.Listen, failed), n.open(n.operator, "operator", n.config.Operator, failed))
	if err == nil {
		n.log.Info("started", "seconds", time.Since(began).Seconds())
		select {
		case <-ctx.Done():
		case err = <-failed:
		}
	}
	return errors.Join(err, n.stop(ctx, hurry))
}

// start makes the parts: reactor, server with its broker, HTTP handlers.
func (n *node) start() (err error) {
	spareProcessors(n.config.Workers)
	if n.config.Pool.Size == 0 {
		n.config.Pool.Size = min(32, cpus+4)
	}
	c := n.config
	if n.proxies, err = proxy.New(c.Proxies.Trusted, c.Proxies.Header); err != nil {
		return err
	}
	if err = n.openCertificate(); err != nil {
		return err
	}
	if n.reactor, err = reactor.New(reactorConfig(c, n.log, n.metrics)); err != nil {
		n.certificate.Close()
		return err
	}
	if err = n.openKeys(); err == nil {
		err = n.openServer()
	}
	if err != nil {
		n.keys.Close()
		n.certificate.Close()
		return errors.Join(err, n.reactor.Shutdown(context.Background(), ws.StatusGoingAway, ""))
	}
	n.metrics.NewGauge("app_active_connections", func() float64 { return float64(n.reactor.Connections()) })
	n.metrics.NewGauge("tidegate_draining", n.drains)
	checks := []api.Check{{Name: "node", Ready: n.ready}, {Name: "broker", Ready: n.server.Ready, Note: n.server.Lost}, {Name: "workers", Ready: n.reactor.Ready}, {Name: "keys", Ready: n.keys.Ready}}
	mux := http.NewServeMux()
	api.MountProbes(mux, checks)
	n.server.Mount(mux)
	if c.Demo {
		mux.Handle("/", page.Handler())
	}
	n.public = n.httpServer(headed(policy, n.guarded(n.proxies.Handler(mux))))
	n.public.ReadTimeout = c.Limits.HandshakeTimeout // nothing here has a body; WebSockets are no longer under it
	n.operator = n.httpServer(headed(operatorPolicy, n.guarded(api.Operator(api.Config{
		Gateway: n.server, Keys: n.keys.Keys(), BodyBytes: int64(c.Limits.BodyBytes),
		Checks: checks, Metrics: n.metrics, Scheme: n.scheme("operator"), Patience: bodyPatience,
	}))))
	return nil
}

// bodyPatience is how long the body of a request to the data plane may take to come.
const bodyPatience = time.Minute

// httpServer is a listener's server, with the limits that both have.
func (n *node) httpServer(h http.Handler) *http.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: n.config.Limits.HandshakeTimeout,
		IdleTimeout:       n.config.Limits.IdleTimeout,
		MaxHeaderBytes:    n.config.Limits.HeaderBytes,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
	watched(s)
	return s
}

// open listens and serves; what ends the serving comes through failed.
func (n *node) open(s *http.Server, name, address string, failed chan<- error) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("the %s listener: %w; is another gateway running? choose another address with the setting %s",
			name, err, map[string]string{"public": "listen", "operator": "operator"}[name])
	}
	attrs := []any{"name", name, "address", l.Addr().String()}
	if name == "public" && n.config.Demo {
		attrs = append(attrs, "page", n.scheme(name)+"://"+l.Addr().String()+"/")
	}
	n.log.Info("listening", attrs...)
	var state func(net.Conn, http.ConnState)
	if name == "public" {
		l = n.behindProxies(l)
	}
	if n.speaksTLS(name) {
		l = n.secured(l)
	}
	if name == "public" {
		if n.door, err = door.New(l, doorConfig(n)); err != nil {
			return errors.Join(fmt.Errorf("the %s listener: %w", name, err), l.Close())
		}
		l, state = n.door, n.door.ConnState
	}
	all := newAskers(l, state, n.metrics)
	s.ConnState = all.told
	go func() {
		if err := s.Serve(all); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			failed <- fmt.Errorf("the %s listener: %w", name, err)
		}
	}()
	return nil
}
