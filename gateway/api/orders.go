package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/server"
)

// reading is how the answer to an order is put into a status.
type reading uint8

const (
	whether  reading = iota // 200 if it was found and the answer is yes, else 404
	obeyed                  // 200 if there was somebody to do it for, else 404
	regarded                // 204, whether there was somebody or not
)

// mountOrders adds what the application asks of connections that are live.
func (c Config) mountOrders(mux *http.ServeMux) {
	const hub = " /api/hubs/{hub}/"
	on := func(route string, r reading, order func(*http.Request) server.Order) {
		method, path, _ := strings.Cut(route, " ")
		mux.HandleFunc(method+hub+path, c.serveOrder(r, order))
	}
	verb := func(v server.Verb) func(*http.Request) server.Order {
		return func(*http.Request) server.Order { return server.Order{Verb: v} }
	}
	on("HEAD connections/{connection}", whether, verb(server.Find))
	on("DELETE connections/{connection}", regarded, verb(server.Disconnect))
	on("DELETE connections/{connection}/groups", regarded, verb(server.LeaveAll))
	on("PUT groups/{group}/connections/{connection}", obeyed, verb(server.Enter))
	on("DELETE groups/{group}/connections/{connection}", regarded, verb(server.Leave))
	on("HEAD users/{user}", whether, verb(server.Find))
	on("DELETE users/{user}/groups", regarded, verb(server.LeaveAll))
	on("PUT users/{user}/groups/{group}", obeyed, verb(server.Enter))
	on("DELETE users/{user}/groups/{group}", regarded, verb(server.Leave))
	on("PUT permissions/{permission}/connections/{connection}", obeyed, permission(server.Permit, true))
	on("DELETE permissions/{permission}/connections/{connection}", regarded, permission(server.Permit, false))
	on("HEAD permissions/{permission}/connections/{connection}", whether, permission(server.Permitted, true))
	mux.HandleFunc("POST"+hub+"users/{user}/{operation}", c.serveUser)
}

// permission is an order about one permission.
func permission(v server.Verb, granted bool) func(*http.Request) server.Order {
	return func(r *http.Request) server.Order {
		return server.Order{Verb: v, Change: auth.Change{
			Right: auth.Right(r.PathValue("permission")), Group: r.URL.Query().Get("targetName"), Granted: granted,
		}}
	}
}

// serveUser is POST /api/hubs/{hub}/users/{user}/:closeConnections and :revoke.
func (c Config) serveUser(w http.ResponseWriter, r *http.Request) {
	verb := server.Disconnect
	switch r.PathValue("operation") {
	case ":closeConnections":
	case ":revoke":
		verb = server.Revoke
	default:
		fail(w, http.StatusNotFound, "NotFound", "the data plane has no such operation; of users it has :closeConnections and :revoke")
		return
	}
	c.serveOrder(regarded, func(*http.Request) server.Order { return server.Order{Verb: verb, At: time.Now().Unix()} })(w, r)
}

// serveClose is POST /api/hubs/{hub}/:closeConnections, and that of a group.
func (c Config) serveClose(w http.ResponseWriter, r *http.Request) {
	c.serveOrder(regarded, func(*http.Request) server.Order { return server.Order{Verb: server.Disconnect} })(w, r)
}

// serveOrder has an order carried out on all nodes, for whom the path says.
func (c Config) serveOrder(read reading, order func(*http.Request) server.Order) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !c.authorize(w, r) {
			return
		}
		o, query := order(r), r.URL.Query()
		o.Hub = strings.ToLower(r.PathValue("hub"))
		o.Connection, o.User, o.Group = r.PathValue("connection"), r.PathValue("user"), r.PathValue("group")
		o.Text, o.Excluded = query.Get("reason"), query["excluded"]
		if o.Change != (auth.Change{}) && !o.Change.Right.Known() {
			fail(w, http.StatusBadRequest, "BadRequest", "the permissions are joinLeaveGroup and sendToGroup")
			return
		}
		tally, err := c.Gateway.Do(r.Context(), o)
		if err != nil {
			failOrder(w, err)
			return
		}
		read.answer(w, tally)
	}
}

// answer says what came of an order.
func (read reading) answer(w http.ResponseWriter, t server.Tally) {
	switch {
	case t.Fault != "":
		fail(w, http.StatusConflict, "NotDone", t.Fault)
	case read == regarded:
		w.WriteHeader(http.StatusNoContent)
	case read == whether && t.Done == 0:
		w.WriteHeader(http.StatusNotFound)
	case read == obeyed && t.Found == 0:
		fail(w, http.StatusNotFound, "NotConnected", "no such connection is there, on any node")
	}
}

// failOrder answers for an order that was not carried out everywhere.
func failOrder(w http.ResponseWriter, err error) {
	if errors.Is(err, server.ErrSilent) {
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusGatewayTimeout, "NodesSilent", err.Error()+"; it may have been done or not: try again")
		return
	}
	failSend(w, err)
}
