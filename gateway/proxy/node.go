package proxy

import (
	"net/netip"
	"strconv"
	"strings"
)

// parseElement reads one element of Forwarded, such as for=192.0.2.7;proto=https or
// for="[2001:db8::7]:4711", and returns who it is for. "unknown" and names such as _a7 are
// nobody (RFC 7239 section 6), and so is an element that says it twice.
func parseElement(element string) (node netip.AddrPort, ok bool) {
	for rest, more := element, true; more; {
		var pair string
		rest, pair, more = cutLast(rest, ';')
		name, value, isPair := strings.Cut(strings.Trim(pair, " \t"), "=")
		switch {
		case !isPair:
			return node, false
		case !strings.EqualFold(name, "for"):
			continue
		case ok: // the second
			return node, false
		}
		if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		if node, ok = parseNode(value); !ok {
			return node, false
		}
	}
	return node, ok
}

// parseNode reads an address with a port or without, as proxies write them: 192.0.2.7,
// 192.0.2.7:4711, 2001:db8::7, [2001:db8::7], [2001:db8::7]:4711. A port that is hidden
// (:_a7) is 0.
func parseNode(text string) (node netip.AddrPort, ok bool) {
	host, port := text, ""
	if inner, bracketed := strings.CutPrefix(text, "["); bracketed {
		if host, port, ok = strings.Cut(inner, "]"); !ok || port != "" && port[0] != ':' {
			return node, false
		}
	} else if i := strings.IndexByte(text, ':'); i >= 0 && i == strings.LastIndexByte(text, ':') {
		host, port = text[:i], text[i:]
	}
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" || strings.HasPrefix(text, "[") && !a.Is6() {
		return node, false
	}
	n, ok := parsePort(port)
	return netip.AddrPortFrom(a.Unmap(), n), ok
}

// parsePort reads what stands after an address: nothing, or a colon and a port.
func parsePort(text string) (port uint16, ok bool) {
	if text == "" || strings.HasPrefix(text, ":_") {
		return 0, true
	}
	n, err := strconv.ParseUint(text[1:], 10, 16)
	return uint16(n), err == nil
}
