package server

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/auth"
)

// The tokens of a user that were made up to a time can be revoked. That is kept where all
// nodes find it, for as long as such tokens may live; who comes with one is not let in,
// and who is there with one is closed.

// revocationKey is where it is kept of a user when that was; revocationsKey is until when
// there is any, so that a node need not look at each handshake if there is none.
func revocationKey(a account) string {
	return "revoked/" + a.hub + "/" + base64.RawURLEncoding.EncodeToString([]byte(a.user))
}

const revocationsKey = "revoked"

// revocations is until when there are any, as far as this node knows. The zero value
// knows nothing, and then every handshake looks.
type revocations struct {
	mu      sync.Mutex // guards what follows
	known   bool
	until   int64 // in Unix seconds
	changes int   // how often it was extended
}

// any reports whether there may be one.
func (r *revocations) any(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.known || now.Unix() <= r.until
}

// extend says that there is one until a time.
func (r *revocations) extend(until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = max(r.until, until.Unix())
	r.changes++
}

// extended is how often it was.
func (r *revocations) extended() (changes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

// learn says what was found out, unless it was extended since it had been changed so often.
func (r *revocations) learn(until int64, changes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changes == changes {
		r.known, r.until = true, until
	}
}

// lookForRevocations finds out until when there are any. Called once a second, in case
// this node was away when one was made, and only once it hears of those to come.
func (s *Server) lookForRevocations(ctx context.Context) error {
	changes := s.revocations.extended()
	data, err := s.relay.broker.Get(ctx, revocationsKey)
	if err != nil {
		return err
	}
	until := int64(0)
	if data != nil {
		if until, err = strconv.ParseInt(string(data), 10, 64); err != nil {
			return fmt.Errorf("server: until when there are revocations: %w", err)
		}
	}
	s.revocations.learn(until, changes)
	return nil
}

// revoke keeps that the tokens of a user are revoked that were made up to a time. It
// waits for the broker.
func (s *Server) revoke(ctx context.Context, a account, at int64) error {
	until := time.Now().Add(s.Revoked).Unix()
	data, err := s.relay.broker.Get(ctx, revocationsKey)
	if err != nil {
		return err
	}
	if other, err := strconv.ParseInt(string(data), 10, 64); err == nil {
		until = max(until, other) // of a node with another setting, or another clock
	}
	lives := time.Until(time.Unix(until, 0)) + time.Hour // clocks differ
	return s.relay.broker.Put(ctx, []broker.Value{
		{Key: revocationsKey, Data: strconv.AppendInt(nil, until, 10), Lives: lives},
		{Key: revocationKey(a), Data: strconv.AppendInt(nil, at, 10), Lives: s.Revoked},
	})
}

// revokedAt is up to when the tokens of a user are revoked, in Unix seconds; 0 if they are
// not. It waits for the broker.
func (s *Server) revokedAt(ctx context.Context, a account) (int64, error) {
	data, err := s.relay.broker.Get(ctx, revocationKey(a))
	if err != nil || data == nil {
		return 0, err
	}
	at, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("server: when a user was revoked: %w", err)
	}
	return at, nil
}

// revocationWait is how long a handshake waits for the broker to say whether its user was
// revoked.
const revocationWait = 2 * time.Second

// checkRevoked says why a client with a right token is not let in: an auth.Refusal, or an
// error of the broker's. It waits, but only while there are revocations.
func (s *Server) checkRevoked(ctx context.Context, hub string, identity *auth.Identity) error {
	if identity.User == "" || !s.revocations.any(time.Now()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, revocationWait)
	defer cancel()
	at, err := s.revokedAt(ctx, account{hub, identity.User})
	switch {
	case err != nil:
		return err
	case at > 0 && identity.Issued <= at:
		return auth.NewRevoked(time.Unix(at, 0))
	}
	return nil
}

// expelRevoked closes the session if its token was made up to a time, and reports whether
// it was. Called on the loop.
func (s *session) expelRevoked(at int64) bool {
	revoked := s.identity.Issued <= at
	if revoked {
		s.expel("what this user was allowed was revoked: connect with a new token", closedRevoked)
	}
	return revoked
}
