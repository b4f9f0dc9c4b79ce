package config

import (
	"fmt"
	"slices"
	"strings"
)

// Validate checks every setting by its rule and then what concerns several at
// once. Each error is one line and says the remedy; none means that the gateway
// can run with c. What Load returns is valid; Validate is for a Config that was
// made otherwise.
func (c *Config) Validate() []error {
	var errs []error
	for _, key := range sortedKeys(rules) {
		r, value := rules[key], c.field(key)
		if _, ok := r.parse(value); !ok {
			errs = append(errs, fault{key: key, value: r.show(value), want: "want " + r.want}.from("as given"))
		}
	}
	for _, f := range c.relations() {
		errs = append(errs, f.from("as given"))
	}
	return errs
}

// relations is what is wrong between settings that are right by themselves.
func (c *Config) relations() []fault {
	var all []fault
	differ := func(key, other, format string, args ...any) {
		all = append(all, fault{key: key, other: other, value: c.shown(key), want: fmt.Sprintf(format, args...)})
	}
	if c.Heartbeat.Timeout <= c.Heartbeat.Interval {
		differ("heartbeat.timeout", "heartbeat.interval", "want more than heartbeat.interval, which is %s", c.shown("heartbeat.interval"))
	}
	if c.Publish.QueueBytes < c.Limits.MessageBytes {
		differ("publish.queue_bytes", "limits.message_bytes", "want at least limits.message_bytes, which is %s: a larger message could never be sent", c.shown("limits.message_bytes"))
	}
	if most := c.Limits.BytesPerSecond; most > 0 && most < c.Limits.MessageBytes {
		differ("limits.bytes_per_second", "limits.message_bytes", "want 0 for no limit, or at least limits.message_bytes, which is %s: a larger message could never be sent", c.shown("limits.message_bytes"))
	}
	if c.Redis.WaitReplicas > 0 && c.Redis.WaitTimeout >= c.Publish.Timeout {
		differ("redis.wait_timeout", "publish.timeout", "want less than publish.timeout, which is %s: no message could be acked in time", c.shown("publish.timeout"))
	}
	if clash(c.Listen, c.Operator) {
		differ("operator", "listen", "want another port than listen, which is %s", c.shown("listen"))
	}
	if c.Proxies.Protocol && len(c.Proxies.Trusted) == 0 {
		differ("proxies.protocol", "proxies.trusted", "want the proxies' addresses in proxies.trusted, since nobody else may speak it")
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		differ("tls.cert_file", "tls.key_file", "want both tls.cert_file and tls.key_file, or neither")
	}
	if c.TLS.Operator && c.TLS.CertFile == "" {
		differ("tls.operator", "tls.cert_file", "want a certificate in tls.cert_file and tls.key_file, or false")
	}
	return slices.Concat(all, c.pathFaults(), c.keyFaults(), c.anonymousFaults())
}

// pathFaults is what is wrong between routes, hubs and the echo path.
func (c *Config) pathFaults() []fault {
	var all []fault
	for i, r := range c.Routes {
		if !slices.Contains(c.Hubs, r.Hub) {
			all = append(all, fault{key: "routes", other: "hubs", value: r.String(),
				want: fmt.Sprintf("want a hub that the setting hubs has, which is %s: add it there, or set routes", c.shown("hubs"))})
		}
		if c.Echo != "" && overlap(r.Path, c.Echo) {
			all = append(all, fault{key: "echo", other: "routes", value: c.shown("echo"),
				want: fmt.Sprintf("want a path that no route has; %s has it", r)})
		}
		for _, before := range c.Routes[:i] {
			if overlap(before.Path, r.Path) {
				all = append(all, fault{key: "routes", value: r.String(),
					want: fmt.Sprintf("want paths of which a client's path fits one only; it may fit %s too: change one, or take it away", before)})
			}
		}
	}
	return all
}

// keyFaults is what is wrong without a key: then who reaches a listener may do
// everything. Public keys and issuers are for clients, so the data plane has none of
// them.
func (c *Config) keyFaults() []fault {
	var all []fault
	if !c.HasKeys() && !loopback(c.Listen) {
		all = append(all, fault{key: "listen", other: "keys", value: c.shown("listen"),
			want: "want a loopback address such as 127.0.0.1, since without a key whoever reaches it may join, send and read everything; or set keys, keys_file, auth.public_keys or auth.jwks"})
	}
	if !c.hasAccessKeys() && !loopback(c.Operator) {
		all = append(all, fault{key: "operator", other: "keys", value: c.shown("operator"),
			want: "want a loopback address such as 127.0.0.1, since without an access key whoever reaches it may send and read everything; or set keys or keys_file"})
	}
	return all
}

// anonymousFaults is what is wrong with where clients need no token.
func (c *Config) anonymousFaults() []fault {
	var all []fault
	for _, place := range c.Auth.Anonymous {
		isRoute := slices.ContainsFunc(c.Routes, func(r Route) bool { return r.Path == place })
		isHub := slices.Contains(c.Hubs, strings.ToLower(place))
		if !isRoute && !isHub {
			all = append(all, fault{key: "auth.anonymous", other: "hubs", value: quoted(place),
				want: fmt.Sprintf("want a hub that the setting hubs has, which is %s, or a path that the setting routes has", c.shown("hubs"))})
		}
	}
	return all
}
