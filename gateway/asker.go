package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// askers is a listener that counts what net/http settles by itself: a header that is too
// large, and one that does not come. No handler and no hook hears of these. It stands
// around the door, whose own refusals are none of this.
type askers struct {
	net.Listener
	tooLarge, tooLate *metrics.Counter
}

func newAskers(l net.Listener, set *metrics.Set) *askers {
	return &askers{
		Listener: l,
		tooLarge: set.GetOrCreateCounter(`app_errors_total{reason="header_limit"}`),
		tooLate:  set.GetOrCreateCounter(`app_errors_total{reason="handshake_timeout"}`),
	}
}

// Accept is net.Listener's.
func (l *askers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &asker{Conn: c, askers: l}, nil
}

// asker is a connection until its first request has come. The reactor is given what is
// below it.
type asker struct {
	net.Conn
	askers *askers
	heard  atomic.Bool // a request has come to the handler
	late   atomic.Bool // the last read was ended by its deadline
}

// Under is the connection below.
func (c *asker) Under() (net.Conn, []byte) { return c.Conn, nil }

// Read notes that the time is over.
func (c *asker) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.late.Store(errors.Is(err, os.ErrDeadlineExceeded))
	}
	return n, err
}

// tooLargeAnswer is what net/http's answer begins with; nobody else here gives this one.
var tooLargeAnswer = []byte("HTTP/1.1 431 ")

// Write counts net/http's answer to a header that is too large.
func (c *asker) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, tooLargeAnswer) {
		c.askers.tooLarge.Inc()
	}
	return c.Conn.Write(b)
}

// CloseWrite is for net/http, which shuts down its side behind such an answer, so that no
// reset destroys it.
func (c *asker) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Close counts a connection whose time was over before it had asked anything: until then
// there is only one deadline, that of the header.
func (c *asker) Close() error {
	if c.late.Swap(false) && !c.heard.Load() {
		c.askers.tooLate.Inc()
	}
	return c.Conn.Close()
}

// askerKey is the context's key for the connection of a request.
type askerKey struct{}

// watched has a server tell its connections that they have been heard.
func watched(s *http.Server) {
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, askerKey{}, c) }
	next := s.Handler
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(askerKey{}).(*asker); ok {
			c.heard.Store(true)
		}
		next.ServeHTTP(w, r)
	})
}

// below has a hook for the states of connections be told of those below.
func below(state func(net.Conn, http.ConnState)) func(net.Conn, http.ConnState) {
	return func(c net.Conn, s http.ConnState) { state(c.(*asker).Conn, s) }
}
