package server

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/wire"
)

// Mount adds the server's WebSocket endpoints to the public listener's routes.
// Called once, before serving.
func (s *Server) Mount(mux *http.ServeMux) {
	mux.HandleFunc("/client/hubs/{hub}", s.serveHub)
	mux.HandleFunc("/client/{$}", s.serveHub)
	for _, route := range s.Routes {
		path := route.Path
		if strings.HasSuffix(path, "/") {
			path += "{$}"
		}
		mux.HandleFunc(path, s.serveRoute(s.endpoint(route.Hub)))
	}
	if s.Echo != "" {
		mux.HandleFunc(s.Echo, s.serveEcho)
	}
}

// serveHub is the endpoint of the client protocol. With one of its subprotocols
// the client speaks JSON; with none it is a simple client, whose frames go to the
// group that it names, or nowhere.
func (s *Server) serveHub(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("hub")
	if name == "" {
		name = r.URL.Query().Get("hub")
	}
	if !s.checkUpgrade(w, r) {
		return
	}
	e := s.hubs[strings.ToLower(name)]
	if e == nil {
		s.reject(w, http.StatusNotFound, faultUnknownHub, "unknown hub: the hubs of this gateway are those of its setting hubs")
		return
	}
	identity, ok := s.identify(w, r, e.hub)
	if !ok {
		return
	}
	c := &session{endpoint: e, identity: identity, dialect: simpleDialect}
	query := r.URL.Query()
	protocol := preferred(r)
	if protocol != "" {
		c.dialect = jsonDialect
	}
	if protocol == wire.ReliableProtocol {
		c.reliable = &reliable{token: rand.Text()}
		if id := query.Get("awps_connection_id"); id != "" {
			c.reliable.recovery = &recovery{session: c, began: time.Now(), id: strings.Clone(id), token: strings.Clone(query.Get("awps_reconnection_token"))}
		}
	}
	if !s.readWarning(w, query, c) {
		return
	}
	if c.dialect == simpleDialect {
		c.simple = new(simpleClient)
		if query.Get("webpubsub_mode") == "sendToGroup" {
			c.simple.group, c.simple.noEcho = strings.Clone(query.Get("group")), query.Get("noEcho") == "true"
			if !s.checkSimple(w, c) {
				return
			}
		}
	}
	s.upgrade(w, r, c, protocol)
}

// serveRoute is the endpoint of simple clients whose group is in their path.
func (s *Server) serveRoute(e *endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.checkUpgrade(w, r) {
			return
		}
		identity, ok := s.identify(w, r, e.hub)
		if !ok {
			return
		}
		c := &session{endpoint: e, identity: identity, dialect: simpleDialect, simple: &simpleClient{group: strings.Clone(r.PathValue("group"))}}
		if s.checkSimple(w, c) {
			s.upgrade(w, r, c, "")
		}
	}
}

// serveEcho is the endpoint for conformance runs: each message comes back.
func (s *Server) serveEcho(w http.ResponseWriter, r *http.Request) {
	if s.checkUpgrade(w, r) {
		s.upgrade(w, r, &session{endpoint: s.echo, identity: auth.Anonymous(), dialect: echoDialect}, "")
	}
}

// checkSimple says whether a simple client may be in its group. It could not be
// told later, since it gets no acks.
func (s *Server) checkSimple(w http.ResponseWriter, c *session) bool {
	if err := wire.CheckGroup(c.simple.group, s.Limits.GroupNameBytes); err != nil {
		s.reject(w, http.StatusBadRequest, faultBadRequest, err.Error())
		return false
	}
	if !c.identity.Permissions.MayJoin(c.simple.group) {
		s.reject(w, http.StatusForbidden, faultForbidden, "the token's roles do not allow to join group "+c.simple.group)
		return false
	}
	return true
}

// preferred is the first of our subprotocols that the request offers, in any of its header
// lines: they stand in the order in which the client prefers them (RFC 6455 sections 4.1
// and 11.3.4). Empty if it offers none.
func preferred(r *http.Request) string {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			switch p = strings.TrimSpace(p); p {
			case wire.Protocol:
				return wire.Protocol
			case wire.ReliableProtocol:
				return wire.ReliableProtocol
			}
		}
	}
	return ""
}
