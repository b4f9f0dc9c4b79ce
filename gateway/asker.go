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
// large, one that does not come, and what is none. No handler and no hook hears of these.
// It stands around the door, whose own refusals are none of this.
type askers struct {
	net.Listener
	state                      func(net.Conn, http.ConnState) // of the connections below; nil if nobody wants to know
	tooLarge, tooLate, notHTTP *metrics.Counter
}

func newAskers(l net.Listener, state func(net.Conn, http.ConnState), set *metrics.Set) *askers {
	return &askers{
		Listener: l, state: state,
		notHTTP:  set.GetOrCreateCounter(`app_errors_total{reason="not_http"}`),
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

// Write counts net/http's answers to what no handler has heard of.
func (c *asker) Write(b []byte) (int, error) {
	switch {
	case bytes.HasPrefix(b, tooLargeAnswer):
		c.askers.tooLarge.Inc()
	case !c.heard.Load():
		c.askers.notHTTP.Inc()
	}
	return c.Conn.Write(b)
}

// CloseWrite is for net/http, which shuts down its side behind such an answer and lingers
// for half a second, so that no reset destroys it. For whoever waits at the door it has
// ended.
func (c *asker) CloseWrite() error {
	if c.askers.state != nil {
		c.askers.state(c.Conn, http.StateClosed)
	}
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

// told is a server's hook for the states of its connections, which has those below told.
func (l *askers) told(c net.Conn, s http.ConnState) {
	if l.state != nil {
		l.state(c.(*asker).Conn, s)
	}
}
