package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Claims are what Sign puts into a client's token.
type Claims struct {
	User    string // empty: anonymous
	Hub     string
	Roles   []string
	Groups  []string  // that the client is in from the start
	Expires time.Time // required
}

// Sign makes a client's token with an access key, as the application would.
func Sign(key string, c Claims) (string, error) {
	if key == "" || c.Hub == "" || c.Expires.IsZero() {
		return "", errors.New("auth: sign: a token needs an access key, a hub and an expiry")
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   c.User,
			Audience:  jwt.ClaimStrings{"http://localhost/client/hubs/" + c.Hub},
			ExpiresAt: jwt.NewNumericDate(c.Expires),
		},
		Roles: c.Roles, Groups: c.Groups,
	})
	text, err := token.SignedString([]byte(key))
	if err != nil {
		return "", fmt.Errorf("auth: sign: %w", err)
	}
	return text, nil
}
