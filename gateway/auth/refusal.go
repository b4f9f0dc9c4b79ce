package auth

import (
	"errors"
	"strconv"
	"time"
)

// What the checks answer; compare with errors.Is. Every error of theirs is a
// *Refusal too.
var (
	ErrMissing  = errors.New("no access token: connect with ?access_token=… or an Authorization: Bearer header")
	ErrInvalid  = errors.New("the access token is not valid")
	ErrBadGroup = errors.New("the access token names a group that cannot be")
	ErrNotYet   = errors.New("this node does not have the keys yet that tokens are verified with: try again in a moment")
)

// Reason is why a token was refused: the label of tidegate_tokens_refused_total and
// the word in the log.
type Reason string

// The reasons.
const (
	Missing     Reason = "missing"
	Malformed   Reason = "malformed"
	Algorithm   Reason = "algorithm"
	UnknownKey  Reason = "unknown_key"
	Signature   Reason = "signature"
	Expired     Reason = "expired"
	NoExpiry    Reason = "no_expiry"
	NotYetValid Reason = "not_yet_valid"
	BadTime     Reason = "bad_time"
	Issuer      Reason = "issuer"
	Audience    Reason = "audience"
	BadGroup    Reason = "bad_group"
	NoAccessKey Reason = "no_access_key"
	KeysAwaited Reason = "keys_awaited"
	Revoked     Reason = "revoked"
)

// Reasons is all of them, for whoever counts.
var Reasons = []Reason{
	Missing, Malformed, Algorithm, UnknownKey, Signature, Expired, NoExpiry,
	NotYetValid, BadTime, Issuer, Audience, BadGroup, NoAccessKey, KeysAwaited, Revoked,
}

// Refusal is why somebody is not let in. Neither of its texts has the token or a key
// in it.
type Refusal struct {
	Reason Reason
	remedy string // short, for whoever sent the token
	detail string // whole, for the log of whoever runs the gateway
}

// NewRevoked is the refusal of a token that was right, and whose user was revoked at a
// time after it was made.
func NewRevoked(at time.Time) *Refusal {
	return &Refusal{Revoked, "what its user was allowed was revoked after it was made: get a new token", "revoked at " + showTime(at)}
}

// Error is what its holder is told: in short, and with the remedy.
func (r *Refusal) Error() string {
	if r.remedy == "" {
		return r.kind().Error()
	}
	return r.kind().Error() + ": " + r.remedy
}

// Detail is what the log is told beside it: what the token says and which keys there
// are. It may be empty, and may say what a stranger has written, in quotes and cut.
func (r *Refusal) Detail() string { return r.detail }

// Unwrap is which of the errors above it is.
func (r *Refusal) Unwrap() error { return r.kind() }

func (r *Refusal) kind() error {
	switch r.Reason {
	case Missing:
		return ErrMissing
	case BadGroup:
		return ErrBadGroup
	case KeysAwaited:
		return ErrNotYet
	}
	return ErrInvalid
}

// quoted is what a stranger wrote, fit for one line of a log.
func quoted(s string) string {
	const longest = 80
	if len(s) > longest {
		return strconv.Quote(s[:longest]) + "…"
	}
	return strconv.Quote(s)
}
