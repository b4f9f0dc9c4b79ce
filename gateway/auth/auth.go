// Package auth decides who somebody is and what he may do. Pure decisions: no
// socket, no clock of its own, nothing fetched, nothing of ours imported.
package auth

import (
	"errors"
	"time"
)

// What the checks answer. Wrapped, so compare with errors.Is; the text says the
// remedy and holds no secret.
var (
	ErrMissing = errors.New("no access token: connect with ?access_token=… or an Authorization: Bearer header")
	ErrInvalid = errors.New("the access token is not valid")
)

// Identity is who a client is, for as long as it is connected. It is immutable
// and may be shared by connections.
type Identity struct {
	User        string // as other clients see it; may be empty
	Permissions Permissions
	Groups      []string  // joined at once, whatever the permissions
	Expires     time.Time // zero: never
}

// anonymous is the one identity of all clients without a token.
var anonymous = &Identity{Permissions: Permissions{joinAll: true, sendAll: true}}

// Anonymous is a client of a gateway that asks for no token: it may join and send
// to every group, and has no name.
func Anonymous() *Identity { return anonymous }
