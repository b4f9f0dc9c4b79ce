package auth

import "time"

// Explanation is what a token says and what becomes of it. It may be printed: the
// token's signature is not in it.
type Explanation struct {
	Algorithm, KeyID        string
	Issuer, User            string
	Audience, Roles, Groups []string
	Issued, NotBefore       time.Time // zero: not said
	Expires                 time.Time // likewise
	Key                     string    // which of the keys has signed it; empty: none
	Faults                  []*Refusal
	Permissions             Permissions // what it would allow
}

// Explain says everything about a client's token, where Client would say the first
// thing that is wrong. Nothing in it may be believed unless there is no fault.
func (k *Keys) Explain(text, hub string, now time.Time) Explanation {
	t, bad := parse(text)
	if bad != nil {
		return Explanation{Faults: []*Refusal{bad}}
	}
	c := &t.claims
	e := Explanation{
		Algorithm: t.header.Algorithm, KeyID: t.header.KeyID,
		Issuer: c.Issuer, User: c.Subject, Audience: c.Audience, Roles: c.Roles, Groups: c.Groups,
		Issued: c.IssuedAt.time(), NotBefore: c.NotBefore.time(), Expires: c.Expires.time(),
		Permissions: ParseRoles(c.Roles),
	}
	key, bad := t.verifiedBy(k.set().all)
	if bad != nil {
		e.Faults = append(e.Faults, bad)
	} else {
		e.Key = key.String()
	}
	e.Faults = append(e.Faults, k.rules.faults(c, hub, now)...)
	return e
}

// time is zero for a date that is not there or is none.
func (d *date) time() time.Time {
	if d == nil || !d.valid() {
		return time.Time{}
	}
	return time.Unix(d.unix(), 0).UTC()
}
