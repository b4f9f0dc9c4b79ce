package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/gateway/auth"
)

// TestBeyondLoopback: from another machine nothing that reads, sends or costs is answered
// without an access key. Probes and metrics are, for balancers and Prometheus.
func TestBeyondLoopback(t *testing.T) {
	const secret = "0123456789abcdef"
	key, err := auth.SecretKey(secret, "a test")
	if err != nil {
		t.Fatal(err)
	}
	keys := auth.NewKeys(auth.Rules{}, func() {})
	keys.Replace("a test", []auth.Key{key})
	counts, refused := metrics.NewSet(), uint64(0)
	h := Operator(Config{Keys: keys, BodyBytes: 1024, Metrics: counts})
	f := func(method, path, peer, authorization string, want int) {
		t.Helper()
		r := httptest.NewRequest(method, path, nil)
		r.RemoteAddr = peer
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s %s from %s with %q: %d, want %d", method, path, peer, authorization, w.Code, want)
		}
		if want == http.StatusUnauthorized {
			refused++
		}
		if n := counts.GetOrCreateCounter(`app_errors_total{reason="unauthorized"}`).Get(); n != refused {
			t.Fatalf("%s %s with %q: %d are counted as refused, want %d", method, path, authorization, n, refused)
		}
	}
	const elsewhere, here = "192.0.2.7:4711", "[::ffff:127.0.0.1]:4711"
	for _, wrong := range []string{"", "Bearer wrong-wrong-wrong", "Basic " + secret} {
		f(http.MethodGet, "/debug/pprof/", elsewhere, wrong, 401)
		f(http.MethodGet, "/debug/pprof/heap", elsewhere, wrong, 401)
		f(http.MethodGet, "/debug/pprof/profile?seconds=60", elsewhere, wrong, 401)
		f(http.MethodGet, "/debug/pprof/trace?seconds=60", elsewhere, wrong, 401)
		f(http.MethodPost, "/debug/pprof/symbol", elsewhere, wrong, 401)
		for _, peer := range []string{elsewhere, here} {
			f(http.MethodPost, "/api/hubs/chat/:send", peer, wrong, 401)
			f(http.MethodPost, "/api/hubs/chat/groups/a/:send", peer, wrong, 401)
			f(http.MethodGet, "/api/hubs/chat/groups/a/connections", peer, wrong, 401)
			f(http.MethodHead, "/api/hubs/chat/groups/a", peer, wrong, 401)
		}
	}
	f(http.MethodGet, "/debug/pprof/cmdline", elsewhere, "Bearer "+secret, 404)
	f(http.MethodGet, "/debug/pprof/heap", elsewhere, "Bearer "+secret, 200)
	f(http.MethodGet, "/debug/pprof/heap", here, "", 200)
	f(http.MethodGet, "/metrics", elsewhere, "", 200)
	f(http.MethodGet, "/healthz", elsewhere, "", 200)
	for _, why := range []auth.Reason{auth.Missing, auth.Malformed} {
		if counts.GetOrCreateCounter(`tidegate_tokens_refused_total{reason="`+string(why)+`"}`).Get() == 0 {
			t.Errorf("none is counted as %s", why)
		}
	}
}
