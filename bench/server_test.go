package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/tidegate/tidegate/gateway/wire"
)

// fault is what the test server does with one delivery.
type fault int

const (
	deliver fault = iota
	lose
	twice
	hold // deliver after the next one
)

// groupServer is a small real server of the protocol that does wrong on purpose.
// The functions are set before the first connection and may be nil.
type groupServer struct {
	fault  func(member, n int) fault // of the n-th message to the member that joined as such
	refuse func(n int) bool          // of the n-th publish of all
	stall  func(n int) time.Duration // before the n-th publish is looked at
	close  func(n int) ws.StatusCode // instead of taking the n-th publish
	split  bool                      // messages come in three fragments, with a ping between
	routed func(group string) string // the group that a message goes to
	chat   func(w io.Writer)         // is said to each connection at once
	denied bool                      // joins are refused

	published atomic.Int64
	joined    atomic.Int64
	pongs     atomic.Int64
	handlers  sync.WaitGroup

	mu     sync.Mutex // guards groups
	groups map[string][]*member
}

// member is one connection in one group.
type member struct {
	conn  *serverConn
	index int
	n     int // messages so far; guarded by groupServer.mu
	held  []byte
}

// serverConn writes one frame at a time.
type serverConn struct {
	net.Conn
	mu sync.Mutex
}

func (c *serverConn) say(frames ...ws.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range frames {
		_ = ws.WriteFrame(c.Conn, f) // gone: its reader notices
	}
}

// serve starts the server and returns its ws:// and http:// base. It is gone, with
// all its goroutines, when the test ends.
func (s *groupServer) serve(t testing.TB) (wsURL, httpURL string) {
	t.Helper()
	s.groups = map[string][]*member{}
	var conns sync.Map
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# HELP x y\nprocess_cpu_seconds_total %g\n%s %d\nother{a=\"b\"} 1\n",
			ownCPU().Seconds(), rssMetric, 1000_000+1000*s.joined.Load())
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer wrong" {
			http.Error(w, "wrong token", http.StatusUnauthorized)
			return
		}
		up := ws.HTTPUpgrader{Protocol: func(p string) bool { return p == wire.Protocol }}
		conn, _, _, err := up.Upgrade(r, w)
		if err != nil {
			return
		}
		c := &serverConn{Conn: conn}
		conns.Store(c, nil)
		s.handlers.Add(1)
		defer s.handlers.Done()
		defer conn.Close()
		s.talk(c, r.URL.Path)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(func() {
		conns.Range(func(c, _ any) bool { _ = c.(*serverConn).Close(); return true })
		s.handlers.Wait()
		srv.Close()
	})
	return "ws" + strings.TrimPrefix(srv.URL, "http"), srv.URL
}

// talk serves one connection until it ends.
func (s *groupServer) talk(c *serverConn, path string) {
	group, plain := strings.CutPrefix(path, "/plain/")
	if plain {
		s.join(c, group)
	} else {
		c.say(ws.NewTextFrame([]byte(`{"type":"system","event":"connected","connectionId":"x"}`)))
	}
	if s.chat != nil {
		c.mu.Lock()
		s.chat(c)
		c.mu.Unlock()
	}
	for {
		f, err := readFrame(c)
		if err != nil {
			return
		}
		f = ws.UnmaskFrameInPlace(f)
		switch {
		case f.Header.OpCode == ws.OpClose:
			return
		case f.Header.OpCode == ws.OpPong:
			s.pongs.Add(1)
		case plain:
			s.publish(group, f.Payload)
		case !s.request(c, f.Payload):
			return
		}
	}
}

// request does one request of the JSON protocol. False ends the connection.
func (s *groupServer) request(c *serverConn, b []byte) bool {
	var r struct {
		Type, Group string
		AckID       uint64
		Data        string
	}
	if err := json.Unmarshal(b, &r); err != nil {
		c.say(ws.NewCloseFrame(ws.NewCloseFrameBody(1007, err.Error())))
		return false
	}
	if r.Type == "joinGroup" && s.denied {
		c.say(ws.NewTextFrame(fmt.Appendf(nil, `{"type":"ack","ackId":%d,"success":false,"error":{"name":"Forbidden","message":"no role"}}`, r.AckID)))
		return true
	}
	if r.Type == "sendToGroup" {
		n := int(s.published.Add(1)) - 1
		if s.stall != nil {
			time.Sleep(s.stall(n))
		}
		if s.close != nil && s.close(n) != 0 {
			c.say(ws.NewCloseFrame(ws.NewCloseFrameBody(s.close(n), "on purpose")))
			return false
		}
		if s.refuse != nil && s.refuse(n) {
			c.say(ws.NewTextFrame(fmt.Appendf(nil, `{"type":"ack","ackId":%d,"success":false,"error":{"name":"TooManyRequests","message":"slow down"}}`, r.AckID)))
			return true
		}
		group := r.Group
		if s.routed != nil {
			group = s.routed(group)
		}
		s.publish(group, fmt.Appendf(nil, `{"type":"message","from":"group","group":%q,"dataType":"text","data":%q,"position":"1-%d"}`, r.Group, r.Data, n))
	} else {
		s.join(c, r.Group)
	}
	if r.AckID > 0 {
		c.say(ws.NewTextFrame(fmt.Appendf(nil, `{"type":"ack","ackId":%d,"success":true,"position":"1-1"}`, r.AckID)))
	}
	return true
}

// join makes a connection a member.
func (s *groupServer) join(c *serverConn, group string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[group] = append(s.groups[group], &member{conn: c, index: int(s.joined.Add(1)) - 1})
}

// publish delivers to all members, or does what was asked for instead. Under one
// lock, so that all members see one order.
func (s *groupServer) publish(group string, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.groups[group] {
		what := deliver
		if s.fault != nil {
			what = s.fault(m.index, m.n)
		}
		m.n++
		switch what {
		case hold:
			m.held = b
			continue
		case deliver:
			s.frames(m, b)
		case twice:
			s.frames(m, b)
			s.frames(m, b)
		}
		if m.held != nil {
			s.frames(m, m.held)
			m.held = nil
		}
	}
}

// frames writes one message.
func (s *groupServer) frames(m *member, b []byte) {
	if !s.split {
		m.conn.say(ws.NewTextFrame(b))
		return
	}
	third := len(b) / 3
	m.conn.say(ws.NewFrame(ws.OpText, false, b[:third]), ws.NewFrame(ws.OpContinuation, false, b[third:2*third]),
		ws.NewPingFrame([]byte("there?")), ws.NewFrame(ws.OpContinuation, true, b[2*third:]))
}

// readFrame reads one frame. Tests know how large theirs are.
func readFrame(r io.Reader) (ws.Frame, error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return ws.Frame{}, err
	}
	f := ws.Frame{Header: h, Payload: make([]byte, h.Length)}
	_, err = io.ReadFull(r, f.Payload)
	return f, err
}
