package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// Validate checks what concerns several settings at once; what concerns one is
// checked as it is loaded. Each error says the remedy.
func (c *Config) Validate() []error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Heartbeat.Timeout <= c.Heartbeat.Interval {
		fail("setting heartbeat.timeout: %s: want more than heartbeat.interval, which is %s", c.Heartbeat.Timeout, c.Heartbeat.Interval)
	}
	if c.Limits.SendBufferBytes < c.Limits.MessageBytes {
		fail("setting limits.send_buffer_bytes: %d: want at least limits.message_bytes, which is %d", c.Limits.SendBufferBytes, c.Limits.MessageBytes)
	}
	paths := map[string]bool{c.Echo: true}
	for _, r := range c.Routes {
		if !slices.Contains(c.Hubs, r.Hub) {
			fail("setting routes: the hub of %s=%s is not among the hubs %v; add it there", r.Path, r.Hub, c.Hubs)
		}
		if paths[r.Path] {
			fail("setting routes: two routes have the path %s; take one away", r.Path)
		}
		paths[r.Path] = true
	}
	if len(c.Keys) > 0 {
		return errs
	}
	for _, l := range []struct{ key, address string }{{"listen", c.Listen}, {"operator", c.Operator}} {
		if !loopback(l.address) {
			fail("setting %s: %s is not a loopback address, and without an access key anyone could join and send: set keys, or listen on 127.0.0.1", l.key, l.address)
		}
	}
	return errs
}

// loopback reports whether only this machine reaches an address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
