package auth

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// AllowOrigin reports whether a request with these Origin headers may connect to the
// gateway that it knows as host (RFC 6455 section 10.2). With no list only pages of
// the gateway's own host may; "*" allows all; otherwise the list has whole origins,
// scheme://host[:port], in which a host that begins with "*." stands for all below the
// rest of it, and not for the rest itself. Who sends no Origin is no browser, and a
// page cannot speak through it. Two of them no browser sends.
func AllowOrigin(allowed, origins []string, host string) bool {
	if len(origins) == 0 || len(origins) == 1 && origins[0] == "" || slices.Contains(allowed, "*") {
		return true
	}
	o, ok := parseOrigin(origins[0])
	if !ok || len(origins) > 1 || strings.HasPrefix(o.host, "*") {
		return false
	}
	if len(allowed) == 0 {
		return o.isHost(host)
	}
	return slices.ContainsFunc(allowed, func(a string) bool {
		rule, ok := parseOrigin(a)
		return ok && rule.covers(o)
	})
}

// origin is one as a browser has it (RFC 6454 section 6.1), in one spelling.
type origin struct{ scheme, host, port string }

// parseOrigin reads scheme://host[:port] and nothing else: no user, path or query, which
// another parser may take for the host or the host for them, and not "null", which any
// sandboxed page is.
func parseOrigin(text string) (o origin, ok bool) {
	scheme, rest, ok := strings.Cut(strings.ToLower(text), "://")
	if !ok || !validScheme(scheme) {
		return o, false
	}
	host, port := rest, ""
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, ']') {
		host, port = rest[:i], rest[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
			return o, false
		}
	}
	if port == schemePorts[scheme] {
		port = ""
	}
	host, ok = parseHost(host)
	return origin{scheme, host, port}, ok
}

// schemePorts are those that a browser leaves out.
var schemePorts = map[string]string{"http": "80", "https": "443"}

// validScheme reports whether a text, in lower case, is one (RFC 3986 section 3.1).
func validScheme(s string) bool {
	return s != "" && s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}

// parseHost reads a name in lower case, with "*." before it or not, or an address.
func parseHost(s string) (host string, ok bool) {
	if inner, isIP6 := strings.CutPrefix(s, "["); isIP6 {
		ip, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return "[" + ip.String() + "]", err == nil && ip.Is6() && ip.Zone() == "" && strings.HasSuffix(inner, "]")
	}
	name := strings.TrimPrefix(s, "*.")
	return s, name != "" && name[0] != '.' && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

// covers reports whether an origin of the list means another. What stands for the star is
// one label or more of a name that parseOrigin has seen, so there is no trick in it.
func (a origin) covers(o origin) bool {
	if a.scheme != o.scheme || a.port != o.port {
		return false
	}
	if domain, wild := strings.CutPrefix(a.host, "*"); wild {
		return strings.HasSuffix(o.host, domain) && len(o.host) > len(domain)
	}
	return a.host == o.host
}

// isHost reports whether the origin is of this host. A browser leaves out the scheme's
// own port, a proxy may put it into the Host header. Whether the way to the proxy was
// encrypted the gateway does not know, so the scheme is not compared.
func (a origin) isHost(host string) bool {
	h, ok := parseOrigin(a.scheme + "://" + host)
	return ok && h == a
}
