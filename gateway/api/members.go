package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/server"
)

// pageSize is how many connections a page has at most, and if nobody says how many.
const pageSize = 200

// connectionPage is the answer of the list of connections, as client libraries read it.
type connectionPage struct {
	Value    []connection `json:"value"`
	NextLink string       `json:"nextLink,omitempty"`
}

type connection struct {
	ConnectionID string `json:"connectionId"`
	UserID       string `json:"userId,omitempty"`
}

// serveConnections is GET /api/hubs/{hub}/groups/{group}/connections: who is in the
// group, on all nodes, page by page.
func (c Config) serveConnections(w http.ResponseWriter, r *http.Request) {
	if !c.authorize(w, r) {
		return
	}
	query := r.URL.Query()
	size, ok := bound(w, query, "maxpagesize", pageSize)
	if !ok {
		return
	}
	top := 0
	if query.Has("top") {
		if top, ok = bound(w, query, "top", 1<<31-1); !ok {
			return
		}
		size = min(size, top)
	}
	members, more, err := c.Gateway.Members(r.Context(), groupOf(r), query.Get("continuationToken"), size)
	if err != nil {
		failMembers(w, err)
		return
	}
	page := connectionPage{Value: make([]connection, 0, len(members))}
	for _, m := range members {
		page.Value = append(page.Value, connection{m.Connection, m.User})
	}
	if more && (top == 0 || len(members) < top) {
		query.Set("continuationToken", members[len(members)-1].Connection)
		if top > 0 {
			query.Set("top", strconv.Itoa(top-len(members)))
		}
		page.NextLink = c.Scheme + "://" + r.Host + r.URL.EscapedPath() + "?" + query.Encode()
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(page)
}

// serveOccupied is HEAD /api/hubs/{hub}/groups/{group}: 200 if somebody is in it, 404 if
// not.
func (c Config) serveOccupied(w http.ResponseWriter, r *http.Request) {
	if !c.authorize(w, r) {
		return
	}
	members, _, err := c.Gateway.Members(r.Context(), groupOf(r), "", 1)
	switch {
	case err != nil:
		failMembers(w, err)
	case len(members) == 0:
		w.WriteHeader(http.StatusNotFound)
	}
}

// groupOf is the group that a request's path names.
func groupOf(r *http.Request) broker.Group {
	return broker.Group{Hub: strings.ToLower(r.PathValue("hub")), Name: r.PathValue("group")}
}

// authorize answers a request without a valid key or token, and reports whether it has
// one.
func (c Config) authorize(w http.ResponseWriter, r *http.Request) bool {
	if err := c.Keys.Request(r, time.Now()); err != nil {
		c.countRefusal(err)
		w.Header().Set("WWW-Authenticate", "Bearer")
		fail(w, http.StatusUnauthorized, "Unauthorized", err.Error())
		return false
	}
	return true
}

// countRefusal counts a request that was not let in, as the server counts clients: who
// guesses keys is to be seen.
func (c Config) countRefusal(err error) {
	c.Metrics.GetOrCreateCounter(`app_errors_total{reason="unauthorized"}`).Inc()
	var bad *auth.Refusal
	if errors.As(err, &bad) {
		c.Metrics.GetOrCreateCounter(`tidegate_tokens_refused_total{reason="` + string(bad.Reason) + `"}`).Inc()
	}
}

// bound reads a number of connections from the query; most if it is not there. What is
// none it answers.
func bound(w http.ResponseWriter, query url.Values, name string, most int) (n int, ok bool) {
	if !query.Has(name) {
		return most, true
	}
	n, err := strconv.Atoi(query.Get(name))
	if err != nil || n < 1 || n > most {
		fail(w, http.StatusBadRequest, "BadRequest", name+" must be a whole number from 1 to "+strconv.Itoa(most))
		return 0, false
	}
	return n, true
}

// failMembers answers for a group of which nothing can be said.
func failMembers(w http.ResponseWriter, err error) {
	if errors.Is(err, server.ErrNoPresence) {
		fail(w, http.StatusBadRequest, "NoPresence", err.Error())
		return
	}
	failRead(w, err)
}
