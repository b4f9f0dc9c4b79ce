package auth

import (
	"net/url"
	"slices"
	"strings"
)

// AllowOrigin reports whether a request with this Origin header may connect to the
// gateway that it knows as host (RFC 6455 section 10.2). With no list only pages of
// the gateway's own host may; "*" allows all; otherwise the list has whole origins.
// Who sends no Origin is no browser, and a page cannot speak through it.
func AllowOrigin(allowed []string, origin, host string) bool {
	if origin == "" {
		return true
	}
	if len(allowed) == 0 {
		u, err := url.Parse(origin)
		return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
	}
	return slices.ContainsFunc(allowed, func(a string) bool {
		return a == "*" || strings.EqualFold(a, origin)
	})
}
