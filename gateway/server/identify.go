package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/wire"
)

// identify says who the client is, or answers why it is not let in: in short to the
// client, and whole to the log. Neither has the token.
func (s *Server) identify(w http.ResponseWriter, r *http.Request, hub string) (*auth.Identity, bool) {
	identity, err := s.Keys.Identify(accessToken(r), hub, strings.TrimSuffix(r.Pattern, "{$}"), time.Now())
	if err == nil {
		err = s.checkRevoked(r.Context(), hub, identity)
	}
	if err == nil {
		return identity, s.checkGroups(w, identity)
	}
	var bad *auth.Refusal
	if errors.As(err, &bad) {
		s.counts.refused[bad.Reason].Inc()
		s.Log.Debug("a client was not let in", "address", r.RemoteAddr, "hub", hub, "reason", string(bad.Reason),
			slog.Any("error", err), "detail", bad.Detail())
	}
	switch {
	case bad == nil: // it is not known whether it was revoked
		f, _ := brokerFault(err)
		s.unavailable(w, f, "the broker cannot be asked whether this user was revoked: try again in a moment")
	case errors.Is(err, auth.ErrBadGroup):
		s.reject(w, http.StatusBadRequest, faultBadRequest, err.Error())
	case errors.Is(err, auth.ErrNotYet):
		s.unavailable(w, faultNoKeys, err.Error())
	case errors.Is(err, auth.ErrMissing):
		w.Header().Set("WWW-Authenticate", "Bearer")
		s.reject(w, http.StatusUnauthorized, faultUnauthorized, err.Error())
	default:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		s.reject(w, http.StatusUnauthorized, faultUnauthorized, err.Error())
	}
	return nil, false
}

// accessToken is what the client has sent to be let in with: the header, which is in no
// log of a proxy, before the query.
func accessToken(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); token != "" && strings.EqualFold(scheme, "Bearer") {
		return token
	}
	return r.URL.Query().Get("access_token")
}

// checkGroups says whether a client may be in the groups that its token names. They
// need no permission, but names that are none, or too many, are its maker's mistake.
func (s *Server) checkGroups(w http.ResponseWriter, identity *auth.Identity) bool {
	if n := len(identity.Groups); n > s.Limits.GroupsPerConnection {
		s.reject(w, http.StatusBadRequest, faultBadRequest, fmt.Sprintf("the access token names %d groups, and limits.groups_per_connection allows %d", n, s.Limits.GroupsPerConnection))
		return false
	}
	for _, group := range identity.Groups {
		if err := wire.CheckGroup(group, s.Limits.GroupNameBytes); err != nil {
			s.reject(w, http.StatusBadRequest, faultBadRequest, "the access token's webpubsub.group: "+err.Error())
			return false
		}
	}
	return true
}

// newRefusedCounts are the counts of refused tokens, which exist from the start.
func newRefusedCounts(set *metrics.Set) map[auth.Reason]*metrics.Counter {
	all := make(map[auth.Reason]*metrics.Counter, len(auth.Reasons))
	for _, why := range auth.Reasons {
		all[why] = set.NewCounter(`tidegate_tokens_refused_total{reason="` + string(why) + `"}`)
	}
	return all
}
