package auth

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Rules is what is asked of a token beside its signature. The zero value asks for as
// little as the client protocol does, but allows clocks no difference.
type Rules struct {
	Leeway        time.Duration // how far the clocks of whoever signs and of this node may be apart
	RequireExpiry bool          // a client's token must have exp
	Issuers       []string      // iss must be one of them; empty: it may be any, or absent
	Audiences     []string      // aud must have one of them, with {hub} for the hub's name; empty: an address with the path /client/hubs/{hub}

	Anonymous      []string // the hubs, by name, and the routes, by path, where who has no token is let in
	AnonymousRoles []string // what they may do there
}

// clientPath is where clients of a hub connect, and what their token is for.
const clientPath = "/client/hubs/"

// times is what is wrong with a token's times, the worst first.
func (r *Rules) times(c *claims, required bool, now time.Time) (all []*Refusal) {
	for _, d := range []struct {
		name string
		at   *date
	}{{"exp", c.Expires}, {"nbf", c.NotBefore}, {"iat", c.IssuedAt}} {
		if d.at != nil && !d.at.valid() {
			return []*Refusal{{BadTime, "its " + d.name + " is no date: it counts seconds since 1970, not milliseconds", fmt.Sprintf("%s is %.0f", d.name, float64(*d.at))}}
		}
	}
	at, leeway := float64(now.UnixNano())/1e9, r.Leeway.Seconds()
	if c.Expires == nil && required {
		all = append(all, &Refusal{NoExpiry, "it has no expiry (exp): make it with one", ""})
	}
	if c.Expires != nil && at >= float64(*c.Expires)+leeway {
		all = append(all, &Refusal{Expired, "it has expired: get a new one", "exp " + showDate(*c.Expires) + ", and now it is " + showTime(now)})
	}
	if c.NotBefore != nil && at < float64(*c.NotBefore)-leeway {
		all = append(all, &Refusal{NotYetValid, "it is not valid yet (nbf): compare the clocks of its maker and of this gateway", "nbf " + showDate(*c.NotBefore) + ", and now it is " + showTime(now)})
	}
	if c.IssuedAt != nil && at < float64(*c.IssuedAt)-leeway {
		all = append(all, &Refusal{NotYetValid, "it is from the future (iat): compare the clocks of its maker and of this gateway", "iat " + showDate(*c.IssuedAt) + ", and now it is " + showTime(now)})
	}
	return all
}

// issuer is what is wrong with who has made it.
func (r *Rules) issuer(c *claims) *Refusal {
	if len(r.Issuers) == 0 || slices.Contains(r.Issuers, c.Issuer) {
		return nil
	}
	return &Refusal{Issuer, "its issuer (iss) is none that this gateway accepts", fmt.Sprintf("iss %s, and auth.issuers are %s", quoted(c.Issuer), strings.Join(r.Issuers, ", "))}
}

// audience is what is wrong with whom it is for. Scheme and host of an address are not
// compared unless the rules have whole addresses: behind a load balancer they are not
// those that the client knows. The names of hubs are not case-sensitive.
func (r *Rules) audience(c *claims, hub string) *Refusal {
	if len(r.Audiences) == 0 {
		path := clientPath + hub
		if c.isFor(func(p string) bool { return strings.EqualFold(strings.TrimSuffix(p, "/"), path) }) {
			return nil
		}
		return &Refusal{Audience, "its audience (aud) must be an address with the path " + path + ": get a token for this hub", c.forWhom()}
	}
	for _, wanted := range r.Audiences {
		wanted = strings.ReplaceAll(wanted, "{hub}", hub)
		if slices.ContainsFunc(c.Audience, func(a string) bool { return strings.EqualFold(a, wanted) }) {
			return nil
		}
	}
	return &Refusal{Audience, "its audience (aud) is not this gateway's for hub " + hub + ": get a token for this hub", c.forWhom() + "; auth.audiences are " + strings.Join(r.Audiences, ", ")}
}

// groups is what is wrong with the groups that it names. What a node allows beyond
// that, their number and length, is the server's.
func (c *claims) groups() *Refusal {
	for _, group := range c.Groups {
		if group == "" || group[0] == '.' {
			return &Refusal{BadGroup, "webpubsub.group has a name that is empty or begins with a dot, which no group's does", "group " + quoted(group)}
		}
	}
	return nil
}

// isFor reports whether the path of an audience is one that is asked for.
func (c *claims) isFor(path func(string) bool) bool {
	return slices.ContainsFunc(c.Audience, func(a string) bool {
		u, err := url.Parse(a)
		return err == nil && path(u.Path)
	})
}

func (c *claims) forWhom() string {
	all := make([]string, 0, len(c.Audience))
	for _, a := range c.Audience[:min(len(c.Audience), 5)] {
		all = append(all, quoted(a))
	}
	return "aud " + strings.Join(all, ", ")
}

// identity is whom a token that was verified stands for.
func (c *claims) identity(leeway time.Duration) *Identity {
	i := &Identity{User: c.Subject, Permissions: ParseRoles(c.Roles), Groups: c.Groups}
	if c.IssuedAt != nil {
		i.Issued = int64(*c.IssuedAt) // the second in which it was made
	}
	if c.Expires != nil {
		i.Expires = c.Expires.unix()
		i.Lapses = i.Expires + int64(leeway/time.Second)
	}
	return i
}

func showDate(d date) string { return showTime(d.time()) }

func showTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
