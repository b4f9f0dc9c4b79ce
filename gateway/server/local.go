package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Local stands in front of a node without keys, which believes whoever reaches it: and
// that is any page in a browser on the same machine. A name of the page's own that leads
// to this machine makes Origin and Host agree, so only this machine's own names are
// taken; and a page may post to the data plane without asking first, so nothing there is
// taken from a page. Probes and metrics are for everybody.
func (s *Server) Local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/healthz", r.URL.Path == "/readyz", r.URL.Path == "/metrics":
			next.ServeHTTP(w, r)
		case !localHost(r.Host):
			s.reject(w, http.StatusForbidden, faultHost, "without an access key this gateway answers only to localhost, names that end in .localhost, and loopback addresses: set an access key (setting keys), or ask for one of these")
		case strings.HasPrefix(r.URL.Path, "/api/") && len(r.Header.Values("Origin")) > 0:
			s.reject(w, http.StatusForbidden, faultOrigin, "without an access key the data plane takes nothing from a page in a browser: set an access key (setting keys)")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// localHost reports whether a Host header names this machine, whatever resolvers say.
func localHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().IsLoopback()
	}
	host = strings.TrimSuffix(host, ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
