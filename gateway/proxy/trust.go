// Package proxy finds out who a client is that comes through others: load balancers and
// reverse proxies, which say it in a header of the request or in the first bytes of the
// connection. Who is not trusted may say what he likes, and nothing of it is read.
package proxy

import (
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// The headers that clients' addresses may be in. Only one is read: a proxy adds to the one
// it knows and lets what a client has sent in the other pass.
const (
	XForwardedFor = "x-forwarded-for"
	Forwarded     = "forwarded" // RFC 7239
)

// Trust is which proxies are believed, and in what. It is immutable, and its methods may
// be called on any goroutine. A nil Trust believes nobody.
type Trust struct {
	networks []netip.Prefix
	header   string
}

// New reads a list of networks, as CIDR or single addresses. With none it is nil.
func New(networks []string, header string) (*Trust, error) {
	if len(networks) == 0 {
		return nil, nil
	}
	t := &Trust{header: header}
	for _, text := range networks {
		network, err := ParseNetwork(text)
		if err != nil {
			return nil, err
		}
		t.networks = append(t.networks, network)
	}
	return t, nil
}

// ParseNetwork reads 10.0.0.0/8, 2001:db8::/32, or an address, which is a network of one.
func ParseNetwork(text string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		if p.Addr().Is4In6() { // addresses are compared as IPv4, so it would never match
			return netip.Prefix{}, fmt.Errorf("%q is IPv4 written as IPv6: write it as IPv4, such as 10.0.0.0/8", text)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is neither a network such as 10.0.0.0/8 nor an address", text)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// trusts reports whether a proxy at this address is believed.
func (t *Trust) trusts(a netip.Addr) bool {
	for _, n := range t.networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// Handler has next see the client's address in Request.RemoteAddr, with port 0 if the
// proxy did not say the port. It costs nothing without a trusted proxy.
func (t *Trust) Handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			if client := t.client(peer, r.Header); client != peer {
				r.RemoteAddr = client.String()
			}
		}
		next.ServeHTTP(w, r)
	})
}

// client walks from the peer towards the client for as long as it is told by somebody who
// is trusted: each proxy has added, at the right, whom it was talking to. It stops at what
// is no address, since whoever is further left is not known by that.
func (t *Trust) client(peer netip.AddrPort, h http.Header) netip.AddrPort {
	at := netip.AddrPortFrom(peer.Addr().Unmap(), peer.Port())
	if !t.trusts(at.Addr()) {
		return peer
	}
	read := parseNode
	if t.header == Forwarded {
		read = parseElement
	}
	for element := range fromRight(h.Values(t.header)) {
		next, ok := read(element)
		if !ok {
			break
		}
		if at = next; !t.trusts(at.Addr()) {
			break
		}
	}
	return at
}

// fromRight is the elements of a list header, the last first. They are cut from the right,
// so that a quote which a client has left open spoils only what stands left of it.
func fromRight(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			if !elements(line, yield) {
				return
			}
		}
	}
}

// elements yields those of one line, and reports whether the walk goes on.
func elements(line string, yield func(string) bool) bool {
	for more := true; more; {
		var element string
		line, element, more = cutLast(line, ',')
		if !yield(strings.Trim(element, " \t")) {
			return false
		}
	}
	return true
}

// cutLast cuts at the last separator that is not within quotes.
func cutLast(s string, separator byte) (before, after string, found bool) {
	quoted := false
	for i := len(s) - 1; i >= 0; i-- {
		switch {
		case s[i] == '"' && !escaped(s[:i]):
			quoted = !quoted
		case s[i] == separator && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	return "", s, false
}

// escaped reports whether a text's end has the next byte stand for itself.
func escaped(s string) bool { return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1 }
