package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/server"
)

// obedient is a gateway that answers every order alike.
type obedient struct {
	Gateway
	tally server.Tally
	err   error
}

func (o obedient) Do(context.Context, server.Order) (server.Tally, error) { return o.tally, o.err }

// TestOrderAnswers: what comes of an order is put into a status.
func TestOrderAnswers(t *testing.T) {
	f := func(o obedient, method string, want int) {
		t.Helper()
		h := Operator(Config{Gateway: o, Keys: auth.NewKeys(auth.Rules{}, func() {}), Metrics: metrics.NewSet()})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/api/hubs/chat/permissions/sendToGroup/connections/a?targetName=g", nil))
		if w.Code != want {
			t.Errorf("%s, %+v: %d %s, want %d", method, o.tally, w.Code, w.Body, want)
		}
	}
	f(obedient{err: server.ErrSilent}, http.MethodPut, 504)
	f(obedient{tally: server.Tally{Found: 1, Fault: "why"}}, http.MethodDelete, 409)
	f(obedient{tally: server.Tally{Found: 1}}, http.MethodHead, 404)
	f(obedient{tally: server.Tally{Found: 1, Done: 1}}, http.MethodHead, 200)
	f(obedient{}, http.MethodPut, 404)
	f(obedient{}, http.MethodDelete, 204)
}
