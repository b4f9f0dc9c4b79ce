package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/auth"
)

// crowded is a gateway whose groups have more members than a page.
type crowded struct{ Gateway }

func (crowded) Members(context.Context, broker.Group, string, int) ([]broker.Member, bool, error) {
	return []broker.Member{{Connection: "a"}}, true, nil
}

// TestNextLink: the link to the next page is one that can be followed, with TLS too.
func TestNextLink(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		h := Operator(Config{Gateway: crowded{}, Keys: auth.NewKeys(auth.Rules{}, func() {}), Scheme: scheme, Metrics: metrics.NewSet()})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost:9000/api/hubs/chat/groups/g/connections?maxpagesize=1", nil))
		if want := `"nextLink":"` + scheme + "://localhost:9000/api/"; !strings.Contains(w.Body.String(), want) {
			t.Errorf("got %s, want %s in it", w.Body, want)
		}
	}
}
