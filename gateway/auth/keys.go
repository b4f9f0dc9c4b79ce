package auth

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// leeway is how far apart the clocks of whoever signs and of this node may be.
const leeway = 5 * time.Minute

// Keys are the access keys: each of them verifies, so that two at a time make a
// rotation. The zero value has none.
type Keys struct{ keys [][]byte }

// NewKeys takes the keys as they are configured; their UTF-8 bytes sign.
func NewKeys(keys []string) Keys {
	var k Keys
	for _, key := range keys {
		k.keys = append(k.keys, []byte(key))
	}
	return k
}

// Empty reports whether there is no key, and so nothing is asked for.
func (k Keys) Empty() bool { return len(k.keys) == 0 }

// claims are those of the client protocol. role and webpubsub.group may be a
// string or a list; ClaimStrings reads both.
type claims struct {
	jwt.RegisteredClaims
	Roles  jwt.ClaimStrings `json:"role,omitempty"`
	Groups jwt.ClaimStrings `json:"webpubsub.group,omitempty"`
}

// Client verifies the token of a client that connects to a hub.
func (k Keys) Client(token, hub string, now time.Time) (*Identity, error) {
	if token == "" {
		return nil, ErrMissing
	}
	c, err := k.verify(token, "/client/hubs/"+hub, now)
	if err != nil {
		return nil, err
	}
	return &Identity{
		User:        c.Subject,
		Permissions: ParseRoles(c.Roles),
		Groups:      c.Groups,
		Expires:     c.ExpiresAt.Time,
	}, nil
}

// Request verifies a request to the data plane: its bearer is an access key, or a
// token signed by one whose audience is the request's path. Without any key every
// request is let in.
func (k Keys) Request(r *http.Request, now time.Time) error {
	if k.Empty() {
		return nil
	}
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || bearer == "" {
		return fmt.Errorf("%w", ErrMissing)
	}
	for _, key := range k.keys {
		if subtle.ConstantTimeCompare(key, []byte(bearer)) == 1 {
			return nil
		}
	}
	_, err := k.verify(bearer, r.URL.Path, now)
	return err
}

// verify checks a token against every key. Only HS256 is taken: with an access key
// nothing else makes sense, and "none" is no signature.
func (k Keys) verify(token, path string, now time.Time) (*claims, error) {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithLeeway(leeway), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithTimeFunc(func() time.Time { return now }),
	)
	var last error
	for _, key := range k.keys {
		c := new(claims)
		_, err := parser.ParseWithClaims(token, c, func(*jwt.Token) (any, error) { return key, nil })
		if err == nil {
			return c, checkAudience(c.Audience, path)
		}
		last = err
		if !errors.Is(err, jwt.ErrTokenSignatureInvalid) {
			break
		}
	}
	return nil, fmt.Errorf("%w: %w", ErrInvalid, last)
}

// checkAudience compares the paths: behind a load balancer scheme and host are not
// those that the client knows.
func checkAudience(audience []string, path string) error {
	for _, a := range audience {
		if u, err := url.Parse(a); err == nil && strings.EqualFold(strings.TrimSuffix(u.Path, "/"), path) {
			return nil
		}
	}
	return fmt.Errorf("%w: its audience (aud) must be the address without the query, ending in %s", ErrInvalid, path)
}

// Claims are what Sign puts into a client's token.
type Claims struct {
	User    string
	Hub     string
	Roles   []string
	Groups  []string
	Expires time.Time
}

// Sign makes a client's token with an access key, as the application would.
func Sign(key string, c Claims) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   c.User,
			Audience:  jwt.ClaimStrings{"http://localhost/client/hubs/" + c.Hub},
			ExpiresAt: jwt.NewNumericDate(c.Expires),
		},
		Roles: c.Roles, Groups: c.Groups,
	})
	token, err := t.SignedString([]byte(key))
	if err != nil {
		return "", fmt.Errorf("auth: sign: %w", err)
	}
	return token, nil
}
