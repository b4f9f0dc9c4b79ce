package main

import (
	"net/http"
	"strings"
	"testing"
)

// TestWildcardOrigin: pages below a domain that the settings name are let in, and others
// are not, whatever they look like.
func TestWildcardOrigin(t *testing.T) {
	g := start(t, "--set", "origins=https://*.example.com,http://localhost:3000")
	f := func(want bool, origins ...string) {
		t.Helper()
		_, err := dial(t, "ws://"+g.public+"/client/hubs/chat", http.Header{"Origin": origins}, "json.webpubsub.azure.v1")
		if want && err != nil || !want && (err == nil || !strings.Contains(err.Error(), "403")) {
			t.Errorf("%q: %v, want to be let in: %v", origins, err, want)
		}
	}
	f(true, "https://www.example.com")
	f(true, "https://a.b.example.com:443")
	f(true, "http://localhost:3000")
	f(true)
	f(false, "https://example.com")
	f(false, "https://www.example.com.evil.example")
	f(false, "https://evil.example@www.example.com")
	f(false, "http://"+g.public)
	f(false, "null")
	f(false, "https://www.example.com", "https://evil.example")
}
