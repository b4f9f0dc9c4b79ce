// Package auth decides who somebody is and what he may do. Pure decisions: no
// socket, no clock of its own, nothing fetched, nothing of ours imported. Where the
// keys come from is package keyring's business.
package auth

// Identity is who a client is, for as long as it is connected. It is immutable
// and may be shared by connections.
type Identity struct {
	User        string // as other clients see it; may be empty
	Permissions Permissions
	Groups      []string // joined at once, whatever the permissions
	Issued      int64    // when its token was made, in Unix seconds; 0: not said
	Expires     int64    // in Unix seconds; 0: never
	Lapses      int64    // when the token is no longer accepted: Expires and the leeway; 0: never
}

// anonymous is the one identity of all clients of a gateway without keys.
var anonymous = &Identity{Permissions: Permissions{joinAll: true, sendAll: true}}

// Anonymous is a client of a gateway that asks for no token: it may join and send
// to every group, and has no name.
func Anonymous() *Identity { return anonymous }
