package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are what Sign puts into a client's token.
type Claims struct {
	User     string // empty: anonymous
	Hub      string
	Roles    []string
	Groups   []string  // that the client is in from the start
	Expires  time.Time // required
	Issued   time.Time // zero: not said
	Issuer   string    // empty: not said
	Audience string    // empty: an address with the path that a gateway asks for
	KeyID    string    // which of the maker's keys signs; empty: not said
}

// Sign makes a client's token with an access key, as the application would.
func Sign(key string, c Claims) (string, error) {
	signer, err := SecretSigner(key, "sign")
	if err != nil {
		return "", fmt.Errorf("auth: %w", err)
	}
	return signer.Sign(c, "")
}

// Sign makes a client's token. The algorithm is one that the key is for; empty is the
// first of them.
func (s Signer) Sign(c Claims, algorithm string) (string, error) {
	if c.Hub == "" || c.Expires.IsZero() {
		return "", errors.New("auth: sign: a token needs a hub and an expiry")
	}
	if algorithm == "" {
		algorithm = s.algorithms[0]
	}
	if !slices.Contains(s.algorithms, algorithm) {
		return "", fmt.Errorf("auth: sign: %s signs with %s, not with %s", s.Kind, strings.Join(s.algorithms, ", "), quoted(algorithm))
	}
	if c.Audience == "" {
		c.Audience = "http://localhost" + clientPath + c.Hub
	}
	claims := jwt.MapClaims{"aud": c.Audience, "exp": c.Expires.Unix()}
	for name, value := range map[string]string{"sub": c.User, "iss": c.Issuer} {
		if value != "" {
			claims[name] = value
		}
	}
	for name, value := range map[string][]string{"role": c.Roles, "webpubsub.group": c.Groups} {
		if len(value) > 0 {
			claims[name] = value
		}
	}
	if !c.Issued.IsZero() {
		claims["iat"] = c.Issued.Unix()
	}
	t := jwt.NewWithClaims(jwt.GetSigningMethod(algorithm), claims)
	if c.KeyID != "" {
		t.Header["kid"] = c.KeyID
	}
	text, err := t.SignedString(s.private)
	if err != nil {
		return "", fmt.Errorf("auth: sign: %w", err)
	}
	return text, nil
}
