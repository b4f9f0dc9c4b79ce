package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/gateway/auth"
)

// handshakeTimeout bounds the writing of the 101; what comes before it is bounded
// by the listener's own timeouts.
const handshakeTimeout = 5 * time.Second

// checkUpgrade answers a request that is no WebSocket handshake of ours, and
// reports whether it is one (RFC 6455 section 4.2.1).
func (s *Server) checkUpgrade(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		s.reject(w, http.StatusMethodNotAllowed, faultNotWebSocket, "a WebSocket handshake is a GET request")
	case !isWord(r.Header.Get("Upgrade"), "websocket") || !hasToken(r.Header.Values("Connection"), "upgrade"):
		w.Header().Set("Upgrade", "websocket")
		s.reject(w, http.StatusUpgradeRequired, faultNotWebSocket, "this address speaks WebSocket: connect to it with a WebSocket client")
	case once(r.Header, "Sec-WebSocket-Version") != "13":
		w.Header().Set("Sec-WebSocket-Version", "13")
		s.reject(w, http.StatusUpgradeRequired, faultNotWebSocket, "Sec-WebSocket-Version must be 13")
	case !validKey(once(r.Header, "Sec-WebSocket-Key")):
		s.reject(w, http.StatusBadRequest, faultNotWebSocket, "Sec-WebSocket-Key must be there once, with 16 bytes in base64")
	case !auth.AllowOrigin(s.Origins, r.Header.Values("Origin"), r.Host):
		s.reject(w, http.StatusForbidden, faultOrigin, "this origin is not among those of the gateway's setting origins")
	default:
		return true
	}
	return false
}

// once is a header that must not be there twice (RFC 6455 sections 11.3.1 and 11.3.5):
// whoever stands before the gateway may have read the other one. Empty if it is.
func once(h http.Header, name string) string {
	if all := h.Values(name); len(all) == 1 {
		return all[0]
	}
	return ""
}

// validKey reports whether a Sec-WebSocket-Key is what RFC 6455 section 4.1 asks for.
func validKey(key string) bool {
	var nonce [18]byte
	if len(key) != 24 {
		return false
	}
	n, err := base64.StdEncoding.Strict().Decode(nonce[:], []byte(key))
	return err == nil && n == 16
}

// hasToken reports whether a comma separated header has a token, in any case.
func hasToken(lines []string, token string) bool {
	for _, line := range lines {
		for t := range strings.SplitSeq(line, ",") {
			if isWord(strings.Trim(t, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// isWord reports whether a text is a word of ASCII, in any case: EqualFold alone takes the
// sign of Kelvin, which is longer, for a k.
func isWord(text, word string) bool { return len(text) == len(word) && strings.EqualFold(text, word) }

// upgrade answers 101 and gives the connection to a worker. The goroutine of the
// request ends with it.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, c *session, protocol string) {
	// Those that are being upgraded count too, or many at a time would be too many.
	defer s.upgrading.Add(-1)
	if int(s.upgrading.Add(1))+s.connections() > s.Limits.Connections {
		s.unavailable(w, faultConnections, "this node has all the connections that limits.connections allows")
		return
	}
	client, user := clientOf(r), c.account()
	if !s.addresses.take(client) {
		s.tooMany(w, faultAddress, "this address has all the connections that limits.connections_per_address allows")
		return
	}
	adopted := false
	defer func() { // also after a panic, which net/http contains
		if !adopted {
			s.addresses.give(client)
		}
	}()
	if !s.takeUser(user) {
		s.tooMany(w, faultUser, "this user has all the connections that limits.connections_per_user allows")
		return
	}
	defer func() {
		if !adopted {
			s.giveUser(user)
		}
	}()
	adopted = s.open(w, r, c, protocol)
}

// open is what remains of an upgrade when there is room for one more. It reports whether
// the session is a worker's now, and its Closed is called one day.
func (s *Server) open(w http.ResponseWriter, r *http.Request, c *session, protocol string) bool {
	c.id = newConnectionID()
	u := ws.HTTPUpgrader{Timeout: handshakeTimeout}
	if protocol != "" {
		u.Protocol = func(p string) bool { return p == protocol }
	}
	deflate := newNegotiation()
	if s.Deflate.Enabled {
		u.Negotiate = deflate.answer
	}
	// It was checked, and the library looks at the first of its lines only.
	r.Header.Set("Connection", "Upgrade")
	conn, rw, _, err := u.Upgrade(r, w)
	if err != nil {
		s.counts.fault(faultHandshake)
		s.Log.Debug("handshake failed", "address", r.RemoteAddr, slog.Any("error", err))
		if conn != nil {
			conn.Close()
		}
		return false
	}
	s.handshake()
	c.deflate = deflate.agreed()
	// Frames may have come with the request; the reader of the request has them.
	buffered, _ := rw.Reader.Peek(rw.Reader.Buffered())
	if err := s.Adopt(from(conn, r.RemoteAddr), bytes.Clone(buffered), c, c.deflate); err != nil {
		s.counts.fault(faultHandshake)
		s.Log.Warn("a connection was refused by the workers", "address", r.RemoteAddr, slog.Any("error", err))
		conn.Close()
		return false
	}
	return true
}

// AwaitHandshakes returns when no handshake is being made, or when ctx ends. The
// listener is closed before it, so that none begins; net/http no longer knows of a
// connection that is being upgraded. It waits, so not on a loop.
func (s *Server) AwaitHandshakes(ctx context.Context) {
	const pause = 2 * time.Millisecond // as net/http does
	for s.upgrading.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// connections is how many connections the workers have.
func (s *Server) connections() int {
	n := 0
	for _, w := range s.Workers {
		n += w.Connections()
	}
	return n
}

// takeUser counts one more connection of a user, if that is allowed. Nobody's has no bound
// but that of its address.
func (s *Server) takeUser(a account) bool { return a.user == "" || s.users.take(a) }

func (s *Server) giveUser(a account) {
	if a.user != "" {
		s.users.give(a)
	}
}

// tooMany answers 429: who it is has all the connections that it may have.
func (s *Server) tooMany(w http.ResponseWriter, f fault, text string) {
	w.Header().Set("Retry-After", "10")
	s.reject(w, http.StatusTooManyRequests, f, text)
}

// unavailable answers 503: the client, or its load balancer, tries again later.
func (s *Server) unavailable(w http.ResponseWriter, f fault, text string) {
	w.Header().Set("Retry-After", "2")
	s.reject(w, http.StatusServiceUnavailable, f, text)
}

// reject counts a handshake that was not made and says why.
func (s *Server) reject(w http.ResponseWriter, status int, f fault, text string) {
	s.counts.fault(f)
	http.Error(w, text, status)
}
