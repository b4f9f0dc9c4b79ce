package auth

import (
	"net/url"
	"slices"
	"strings"
)

// AllowOrigin reports whether a request with this Origin header may connect to the
// gateway that it knows as host (RFC 6455 section 10.2). With no list only pages of
// the gateway's own host may; "*" allows all; otherwise the list has whole origins,
// scheme://host[:port]. Who sends no Origin is no browser, and a page cannot speak
// through it.
func AllowOrigin(allowed []string, origin, host string) bool {
	if origin == "" {
		return true
	}
	if len(allowed) == 0 {
		return ownOrigin(origin, host)
	}
	return slices.ContainsFunc(allowed, func(a string) bool {
		return a == "*" || strings.EqualFold(a, origin)
	})
}

// ownOrigin reports whether an origin is of this host. A browser leaves out the
// scheme's own port (RFC 6454 section 6.1), a proxy may put it into the Host header.
func ownOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return strings.EqualFold(strings.TrimSuffix(u.Host, port), strings.TrimSuffix(host, port))
}
