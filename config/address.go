package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hostName is what a resolver could know. It is generous: whether there is such a
// host is found out when it is listened on.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$`)

// validAddress is host:port, with a host that could be one and a port in figures.
// Names are not looked up: that is the listener's, and would make Load depend on
// the network.
func validAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || !validPort(port) {
		return false
	}
	_, err = netip.ParseAddr(host)
	return err == nil || host == "" || hostName.MatchString(host)
}

// validPort is a port in figures. Names of services differ from machine to machine.
func validPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// loopback reports whether only this machine reaches an address. Of names, only
// localhost is believed (RFC 6761 section 6.3): what another resolves to may change.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopbackHost(host)
}

func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// clash reports whether two listeners could not both have their addresses.
func clash(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB {
		return false
	}
	if n, _ := strconv.Atoi(portA); n == 0 {
		return false // each takes a free port
	}
	return hostA == hostB || everywhere(hostA) || everywhere(hostB)
}

// everywhere reports whether a listener's host means all addresses of the machine.
func everywhere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// validNetwork is a network in CIDR notation, or an address. One that has bits of a host
// in it, such as 10.0.0.7/8, was meant to be something else, and perhaps smaller.
func validNetwork(s string) bool {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p == p.Masked() && !p.Addr().Is4In6()
	}
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == ""
}

// validOrigin is what a browser sends as Origin, with "*." before its host or not, or "*"
// for any. The scheme is free: applications in a web view have their own. A star right
// before a top-level domain would be everybody.
func validOrigin(s string) bool {
	if s == "*" {
		return true
	}
	u, err := url.Parse(strings.Replace(s, "://*.", "://", 1))
	if err != nil || u.Scheme == "" || u.Hostname() == "" || strings.Contains(u.Host, "*") || strings.HasSuffix(u.Host, ":") {
		return false
	}
	wild := strings.Contains(s, "*")
	_, notName := netip.ParseAddr(u.Hostname())
	if wild && (notName == nil || u.Hostname() != "localhost" && !strings.Contains(u.Hostname(), ".")) {
		return false
	}
	return (u.Port() == "" || validPort(u.Port())) && strings.EqualFold(strings.Replace(s, "*.", "", 1), u.Scheme+"://"+u.Host)
}

// validBroker is memory or the URL of a Redis. What else is in the URL is for the
// broker to say.
func validBroker(s string) bool {
	if path, isFile := strings.CutPrefix(s, fileReference); s == "memory" || isFile {
		return !isFile || path != ""
	}
	scheme, _, _ := strings.Cut(s, "://")
	switch scheme {
	case "redis", "rediss":
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || crowded(u.Host) {
			return false
		}
		_, err = strconv.ParseUint(strings.TrimPrefix(u.Path, "/"), 10, 31)
		return (err == nil || u.Path == "" || u.Path == "/") && (u.Port() == "" || validPort(u.Port()))
	case "unix":
		u, err := url.Parse(s)
		return err == nil && u.Host == "" && len(u.Path) > 1
	case "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster":
		u, hosts, err := parseHosts(s)
		ok := err == nil
		for _, host := range hosts {
			h, err := url.Parse("redis://" + host)
			ok = ok && err == nil && h.Host == host && !crowded(host) && h.Hostname() != "" && (h.Port() == "" || validPort(h.Port()))
		}
		return ok && (strings.HasSuffix(scheme, "cluster") || len(u.Path) > 1)
	}
	return false
}

// crowded reports whether a host and port have more in them than that: where an @ was
// forgotten, user:password:port is a host to package url, and so is host,:password.
func crowded(host string) bool {
	if inner, rest, ok := strings.Cut(strings.TrimPrefix(host, "["), "]"); ok {
		_, err := netip.ParseAddr(inner)
		return err != nil || rest != "" && !validPort(strings.TrimPrefix(rest, ":"))
	}
	_, port, any := strings.Cut(host, ":")
	return any && port != "" && !validPort(port)
}

// parseHosts reads a URL with several hosts, which package url does not take if one of
// them is an IPv6 address; only the first is in the URL that it returns.
func parseHosts(s string) (u *url.URL, hosts []string, err error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		u, err = url.Parse(s)
		return u, nil, err
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	at := strings.LastIndexByte(rest[:end], '@') + 1
	hosts = strings.Split(rest[at:end], ",")
	u, err = url.Parse(scheme + "://" + rest[:at] + hosts[0] + rest[end:])
	return u, hosts, err
}

// hidePassword is a broker's URL as people may see it. A password in what is no
// such URL may stand anywhere, so nothing of that is shown; nor is a query, which
// some clients take a password from.
func hidePassword(raw any) string {
	s, _ := raw.(string)
	u, hosts, err := parseHosts(s)
	switch {
	case raw == nil:
		return "nothing"
	case s != "" && (err != nil || u.Opaque != "" || u.Host == "" && u.Scheme != "unix" && strings.ContainsAny(s, ":@") || strings.ContainsAny(u.Path, ":@") || slices.ContainsFunc(append(hosts, u.Host), crowded)):
		return hidden
	case err != nil || s == "":
		return strconv.Quote(s)
	}
	if len(hosts) > 1 {
		u.Host = strings.Join(hosts, ",")
	}
	if u.RawQuery != "" {
		u.RawQuery = "xxxxx"
	}
	u.Fragment = ""
	return quoted(u.Redacted())
}
