package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Keys verify tokens: those of the settings, of files and of issuers, any of which may
// be replaced while the gateway runs. A nil one has no keys. May be used on any
// goroutine, and never waits.
type Keys struct {
	// Static after NewKeys.
	rules     Rules
	places    map[string]bool // hubs and routes where anonymous clients are let in
	anonymous *Identity       // whom they are there
	unknown   func()          // told of tokens that no key fits; may be nil

	current atomic.Pointer[keySet]
	mu      sync.Mutex // held to replace current
}

// keySet is the keys of one moment. Immutable.
type keySet struct {
	sources map[string][]Key
	all     []Key // of all sources, in the order of their names
	awaited bool  // a source has not had its keys yet
}

// NewKeys has no keys yet: Expect and Replace give it some. unknown is called, on the
// goroutine of whoever verifies and so without waiting, when a token names a key that
// is not there, since its issuer may have a new one; it may be nil.
func NewKeys(rules Rules, unknown func()) *Keys {
	k := &Keys{rules: rules, unknown: unknown, places: make(map[string]bool)}
	for _, place := range rules.Anonymous {
		if !strings.HasPrefix(place, "/") {
			place = strings.ToLower(place)
		}
		k.places[place] = true
	}
	k.anonymous = &Identity{Permissions: ParseRoles(rules.AnonymousRoles)}
	k.current.Store(&keySet{})
	return k
}

// Expect says that a source will have keys: until it has, tokens that none of the
// others fits are told to try again. From then on tokens are asked for.
func (k *Keys) Expect(source string) { k.replace(source, nil) }

// Replace gives a source its keys, in place of those that it had.
func (k *Keys) Replace(source string, keys []Key) { k.replace(source, append([]Key{}, keys...)) }

func (k *Keys) replace(source string, keys []Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := &keySet{sources: maps.Clone(k.current.Load().sources)}
	if next.sources == nil {
		next.sources = make(map[string][]Key)
	}
	next.sources[source] = keys
	for _, name := range slices.Sorted(maps.Keys(next.sources)) {
		next.all = append(next.all, next.sources[name]...)
		next.awaited = next.awaited || next.sources[name] == nil
	}
	k.current.Store(next)
}

// set is the keys of this moment.
func (k *Keys) set() *keySet {
	if k == nil {
		return &keySet{}
	}
	return k.current.Load()
}

// All is the keys of this moment, for people.
func (k *Keys) All() []Key { return slices.Clone(k.set().all) }

// Empty reports whether there is no source of keys, and so no token can be asked for.
func (k *Keys) Empty() bool { return len(k.set().sources) == 0 }

// Identify says who a client is that connects to a hub. Place is the path of the route
// that it came by, as the settings have it; at the hub's own address it is anything
// else. Without a source of keys, and without a list of places for anonymous clients,
// everybody may do everything; the settings allow that on loopback addresses only.
// Errors: ErrMissing, ErrInvalid, ErrBadGroup, ErrNotYet, each a *Refusal.
func (k *Keys) Identify(token, hub, place string, now time.Time) (*Identity, error) {
	switch {
	case k.Empty() && (k == nil || len(k.places) == 0):
		return anonymous, nil
	case token != "":
		return k.Client(token, hub, now)
	case k.places[strings.ToLower(hub)] || k.places[place]:
		return k.anonymous, nil
	}
	return nil, &Refusal{Missing, "", ""}
}

// Client verifies the token of a client that connects to a hub, and says who that is.
// Without any key no token is valid. Errors as for Identify.
func (k *Keys) Client(text, hub string, now time.Time) (*Identity, error) {
	if text == "" {
		return nil, &Refusal{Missing, "", ""}
	}
	t, bad := parse(text)
	if bad != nil {
		return nil, bad
	}
	set := k.set()
	if _, bad := t.verifiedBy(set.all); bad != nil {
		return nil, k.perhaps(set, bad)
	}
	if all := k.rules.faults(&t.claims, hub, now); len(all) > 0 {
		return nil, all[0]
	}
	return t.claims.identity(k.rules.Leeway), nil
}

// perhaps tells of a key that is not there, and has the client try again if it may
// come yet.
func (k *Keys) perhaps(set *keySet, bad *Refusal) *Refusal {
	if bad.Reason != UnknownKey {
		return bad
	}
	if k != nil && k.unknown != nil {
		k.unknown()
	}
	if set.awaited {
		return &Refusal{KeysAwaited, "", bad.detail}
	}
	return bad
}

// faults is all that is wrong with a client's token whose signature is right.
func (r *Rules) faults(c *claims, hub string, now time.Time) []*Refusal {
	all := r.times(c, r.RequireExpiry, now)
	for _, bad := range []*Refusal{r.issuer(c), r.audience(c, hub), c.groups()} {
		if bad != nil {
			all = append(all, bad)
		}
	}
	return all
}

// Request verifies a request to the data plane: its bearer is an access key, or a
// token signed by one whose audience has the request's path. The keys of issuers are
// for clients, and open nothing here. Without any source of keys every request is let
// in. Errors: ErrMissing, ErrInvalid, each a *Refusal.
func (k *Keys) Request(r *http.Request, now time.Time) error {
	if k.Empty() {
		return nil
	}
	var access []Key
	for _, key := range k.set().all {
		if _, secret := key.public.([]byte); secret {
			access = append(access, key)
		}
	}
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case len(access) == 0:
		return &Refusal{NoAccessKey, "this gateway has keys for its clients alone, and no access key for its data plane: set keys or keys_file", ""}
	case !strings.EqualFold(scheme, "Bearer") || bearer == "":
		return &Refusal{Missing, "", ""}
	case isOneOf(access, bearer):
		return nil
	}
	t, bad := parse(bearer)
	if bad != nil {
		return bad
	}
	if _, bad := t.verifiedBy(access); bad != nil {
		return bad
	}
	if all := k.rules.times(&t.claims, true, now); len(all) > 0 {
		return all[0]
	}
	// To the letter: the names of groups are case-sensitive.
	if !t.claims.isFor(func(p string) bool { return p == r.URL.Path }) {
		return &Refusal{Audience, fmt.Sprintf("its audience (aud) must be an address with the path of this request, %s", r.URL.Path), t.claims.forWhom()}
	}
	return nil
}

// isOneOf reports whether a bearer is one of the access keys. The time that it takes
// says nothing about them: hashes are of one length, and every key is compared.
func isOneOf(access []Key, bearer string) bool {
	given, found := sha256.Sum256([]byte(bearer)), 0
	for _, key := range access {
		bytes, _ := key.public.([]byte)
		want := sha256.Sum256(bytes)
		found |= subtle.ConstantTimeCompare(given[:], want[:])
	}
	return found == 1
}
