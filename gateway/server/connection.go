package server

import (
	"crypto/rand"
	"encoding/base64"
)

// connectionID names a session to clients and to the application. It is unguessable:
// whoever knows it may be excluded by it, and a later session may be recovered by it.
// The sixteen bytes are kept, and put into words where somebody reads them.
type connectionID [16]byte

func newConnectionID() (id connectionID) {
	_, _ = rand.Read(id[:]) // never fails: crypto/rand says so
	return id
}

// String is the connectionId as others see it: 22 letters, digits, - and _.
func (id connectionID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// hubConnection is a connection of a hub: an order to one hub is none to another's.
type hubConnection struct {
	hub string
	id  connectionID
}

// parseConnectionID reads what String wrote. False for what no session is called.
func parseConnectionID(text string) (id connectionID, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(len(id)) {
		return id, false
	}
	_, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(text))
	return id, err == nil
}
