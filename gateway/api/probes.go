package api

import (
	"fmt"
	"net/http"
	"strings"
)

// MountProbes adds /healthz and /readyz. Liveness is that the process answers:
// what a restart would not mend does not belong in it. Readiness is that messages
// can pass: 503 takes the node out of the load balancer, and says what fails.
func MountProbes(mux *http.ServeMux, checks []Check) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusOK
		var body strings.Builder
		for _, c := range checks {
			if err := c.Ready(); err != nil {
				status = http.StatusServiceUnavailable
				fmt.Fprintf(&body, "%s: %v\n", c.Name, err)
			} else {
				fmt.Fprintf(&body, "%s: ok%s\n", c.Name, c.note())
			}
		}
		plain(w, status, body.String())
	})
}

// note is what stands behind a check's ok.
func (c Check) note() string {
	if c.Note != nil {
		if n := c.Note(); n != "" {
			return "; " + n
		}
	}
	return ""
}

// plain answers with text that no cache keeps.
func plain(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
