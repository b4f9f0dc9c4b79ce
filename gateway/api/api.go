// Package api is the gateway's HTTP for the application and its operators: the
// data plane, health, metrics and profiles. Plain net/http handlers; the sockets
// of clients are not its business.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/server"
)

// Gateway is what the data plane needs of the server.
type Gateway interface {
	// Send publishes a message and waits until its stream has it.
	Send(context.Context, server.Outgoing) (broker.Position, error)
	// Members says who is in a group on all nodes, a page of them.
	Members(ctx context.Context, g broker.Group, after string, limit int) (members []broker.Member, more bool, err error)
	// Do has an order carried out on all nodes and waits until it is.
	Do(context.Context, server.Order) (server.Tally, error)
}

// Config is what the API is told once, by value.
type Config struct {
	Gateway   Gateway
	Keys      *auth.Keys    // that the data plane asks for; with none it is open, which the config allows on loopback only
	BodyBytes int64         // of a data-plane request; beyond it 413
	Checks    []Check       // of readiness
	Patience  time.Duration // for a request's body; 0 is for ever
	Scheme    string        // that the listener speaks, for the links in answers: http or https
	Metrics   *metrics.Set
}

// Check is one thing that must work for the node to be ready. Its functions never wait.
type Check struct {
	Name  string
	Ready func() error
	Note  func() string // what an operator should know though it works; nil or empty: nothing
}

// Operator is the operator listener's handler: metrics, data plane, profiles and
// probes.
func Operator(c Config) http.Handler {
	mux := http.NewServeMux()
	c.tooLarge()
	MountProbes(mux, c.Checks)
	mux.HandleFunc("GET /metrics", c.serveMetrics)
	mux.HandleFunc("POST /api/hubs/{hub}/{operation}", c.servePost)
	mux.HandleFunc("POST /api/hubs/{hub}/groups/{group}/{operation}", c.servePost)
	c.mountOrders(mux)
	mux.HandleFunc("GET /api/hubs/{hub}/groups/{group}/connections", c.serveConnections)
	mux.HandleFunc("HEAD /api/hubs/{hub}/groups/{group}", c.serveOccupied)
	mux.HandleFunc("HEAD /api/health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/debug/pprof/", c.guard(pprof.Index))
	// Without pprof.Cmdline: a flag may have a key in it.
	mux.HandleFunc("/debug/pprof/profile", c.guard(pprof.Profile))
	mux.HandleFunc("/debug/pprof/symbol", c.guard(pprof.Symbol))
	mux.HandleFunc("/debug/pprof/trace", c.guard(pprof.Trace))
	return c.bounded(mux)
}

// bounded ends the reading of a body that does not come. It is no ReadTimeout of the
// listener's: that also ends the request of who has no body and waits for a profile.
func (c Config) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 && c.Patience > 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(c.Patience))
		}
		next.ServeHTTP(w, r)
	})
}

// guard asks for an access key whoever is not on this machine: a profile takes processor
// time, and shows what the process is doing.
func (c Config) guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil && peer.Addr().Unmap().IsLoopback() || c.authorize(w, r) {
			h(w, r)
		}
	}
}

// problem is the body of every error of the data plane, in the form that client
// libraries read.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// fail answers with an error.
func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Ms-Error-Code", code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{code, message})
}

// failRead answers for a question that could not be answered.
func failRead(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, server.ErrUnknownHub):
		fail(w, http.StatusNotFound, "UnknownHub", err.Error())
	case errors.Is(err, server.ErrBadRequest):
		fail(w, http.StatusBadRequest, "BadRequest", err.Error())
	default:
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, "Unavailable", "the broker cannot be asked: "+err.Error())
	}
}

// failSend answers for a message that was not published.
func failSend(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, server.ErrUnknownHub), errors.Is(err, server.ErrBadRequest):
		failRead(w, err)
	case errors.Is(err, broker.ErrUnknown):
		fail(w, http.StatusGatewayTimeout, "OutcomeUnknown", "the broker's answer was lost: the message may have been published or not")
	case errors.Is(err, broker.ErrFull):
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, "QueueFull", "the message was not taken: too many wait for the broker")
	default:
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, "Unavailable", "the message was not taken: "+err.Error())
	}
}
