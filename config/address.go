package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
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
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
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

// validOrigin is what a browser sends as Origin, or "*" for any. The scheme is
// free: applications in a web view have their own.
func validOrigin(s string) bool {
	if s == "*" {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Hostname() != "" && (u.Port() == "" || validPort(u.Port())) && strings.EqualFold(s, u.Scheme+"://"+u.Host)
}

// validBroker is memory or the URL of a Redis. Which of the schemes are spoken is
// for the broker to say.
func validBroker(s string) bool {
	if s == "memory" {
		return true
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return false
	}
	switch u.Scheme {
	case "redis", "rediss":
		_, err := strconv.ParseUint(strings.TrimPrefix(u.Path, "/"), 10, 31)
		return (err == nil || u.Path == "" || u.Path == "/") && (u.Port() == "" || validPort(u.Port()))
	case "redis-sentinel", "redis-cluster":
		return true
	}
	return false
}

// hidePassword is a broker's URL as people may see it. A password in what is no
// such URL may stand anywhere, so nothing of that is shown; nor is a query, which
// some clients take a password from.
func hidePassword(raw any) string {
	s, _ := raw.(string)
	u, err := url.Parse(s)
	switch {
	case raw == nil:
		return "nothing"
	case s != "" && (err != nil || u.Opaque != "" || u.Host == "" && strings.ContainsAny(s, ":@")):
		return "(hidden, since it may have a password in it)"
	case err != nil || s == "":
		return strconv.Quote(s)
	}
	if u.RawQuery != "" {
		u.RawQuery = "xxxxx"
	}
	u.Fragment = ""
	return quoted(u.Redacted())
}
