package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// defaultLeeway is how far apart the clocks of whoever signs and of this node may
// be, as clients of the protocol expect it.
const defaultLeeway = 5 * time.Minute

// Keys are the access keys: each of them verifies, so that two at a time make a
// rotation. The zero value has none. Immutable; any goroutine.
type Keys struct {
	keys   []jwt.VerificationKey // each a []byte
	leeway time.Duration
}

// NewKeys takes the keys as they are configured; their UTF-8 bytes sign. An empty
// one is left out: with it anybody could sign.
func NewKeys(keys []string) Keys {
	k := Keys{leeway: defaultLeeway}
	for _, key := range keys {
		if key != "" {
			k.keys = append(k.keys, []byte(key))
		}
	}
	return k
}

// WithLeeway is the same keys with another tolerance for clocks than five minutes.
func (k Keys) WithLeeway(leeway time.Duration) Keys {
	k.leeway = leeway
	return k
}

// Empty reports whether there is no key, and so nothing is asked for.
func (k Keys) Empty() bool { return len(k.keys) == 0 }

// Client verifies the token of a client that connects to a hub, and says who that
// is. Without any key no token is valid; whether one is asked for then is the
// caller's to decide. Errors: ErrMissing, ErrInvalid.
func (k Keys) Client(token, hub string, now time.Time) (*Identity, error) {
	if token == "" {
		return nil, ErrMissing
	}
	c, err := k.verify(token, now)
	if err != nil {
		return nil, err
	}
	// The names of hubs are not case-sensitive.
	if path := "/client/hubs/" + hub; !c.isFor(func(p string) bool { return strings.EqualFold(strings.TrimSuffix(p, "/"), path) }) {
		return nil, fmt.Errorf("%w: its audience (aud) must be an address with the path %s: get a token for this hub", ErrInvalid, path)
	}
	for _, group := range c.Groups {
		if group == "" || group[0] == '.' {
			return nil, fmt.Errorf("%w: webpubsub.group has a name that is empty or begins with a dot, which no group's does", ErrInvalid)
		}
	}
	return &Identity{
		User:        c.Subject,
		Permissions: ParseRoles(c.Roles),
		Groups:      c.Groups,
		Expires:     c.ExpiresAt.Time,
	}, nil
}

// Request verifies a request to the data plane: its bearer is an access key, or a
// token signed by one whose audience has the request's path. Without any key every
// request is let in. Errors: ErrMissing, ErrInvalid.
func (k Keys) Request(r *http.Request, now time.Time) error {
	if k.Empty() {
		return nil
	}
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || bearer == "" {
		return ErrMissing
	}
	if k.contains(bearer) {
		return nil
	}
	c, err := k.verify(bearer, now)
	if err != nil {
		return err
	}
	// To the letter: the names of groups are case-sensitive.
	if !c.isFor(func(p string) bool { return p == r.URL.Path }) {
		return fmt.Errorf("%w: its audience (aud) must be an address with the path of this request, %s", ErrInvalid, r.URL.Path)
	}
	return nil
}

// contains reports whether a bearer is one of the keys. The time that it takes
// says nothing about them: hashes are of one length, and every key is compared.
func (k Keys) contains(bearer string) bool {
	given, found := sha256.Sum256([]byte(bearer)), 0
	for _, key := range k.keys {
		bytes, _ := key.([]byte)
		want := sha256.Sum256(bytes)
		found |= subtle.ConstantTimeCompare(given[:], want[:])
	}
	return found == 1
}

// verify checks everything about a token but its audience. Only HS256 is taken:
// with an access key nothing else makes sense, and "none" is no signature.
func (k Keys) verify(token string, now time.Time) (*claims, error) {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithLeeway(k.leeway), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithTimeFunc(func() time.Time { return now }),
	)
	c := new(claims)
	_, err := parser.ParseWithClaims(token, c, func(*jwt.Token) (any, error) {
		return jwt.VerificationKeySet{Keys: k.keys}, nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrInvalid, remedy(err))
	}
	return c, nil
}

// remedy is what a token's holder can do about the library's error.
func remedy(err error) string {
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return "it is neither an access key nor a JWT: send it whole, as it was made"
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return "it must be signed with HS256 and one of this gateway's access keys (setting keys)"
	case errors.Is(err, jwt.ErrTokenExpired):
		return "it has expired: get a new one"
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return "it is from the future (nbf or iat): compare the clocks of its maker and of this gateway"
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return "it has no expiry (exp): make it with one"
	}
	return err.Error()
}

// claims are those of the client protocol. role and webpubsub.group may be a
// string or a list; ClaimStrings reads both.
type claims struct {
	jwt.RegisteredClaims
	Roles  jwt.ClaimStrings `json:"role,omitempty"`
	Groups jwt.ClaimStrings `json:"webpubsub.group,omitempty"`
}

// isFor reports whether the path of an audience is one that is asked for. Scheme
// and host are not compared: behind a load balancer they are not those that the
// client knows.
func (c *claims) isFor(path func(string) bool) bool {
	for _, a := range c.Audience {
		if u, err := url.Parse(a); err == nil && path(u.Path) {
			return true
		}
	}
	return false
}
