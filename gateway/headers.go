package main

import "net/http"

// What every answer of a listener says to browsers, unless its handler says something
// better, as the demo page does: nothing here is a page, to be guessed at, framed, kept, or
// named to others, whose address may have a token in it. The values are shared by all
// answers, and replaced but never changed.
var (
	nosniff  = []string{"nosniff"}
	policy   = []string{"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
	referrer = []string{"no-referrer"}
	noStore  = []string{"no-store"}
	// The index of profiles has a style of its own, and forms.
	operatorPolicy = []string{"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"}
)

// headed is a handler with these headers in all that it answers, errors too. A handshake
// that is made has none of them: it is written past the ResponseWriter.
func headed(policy []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["X-Content-Type-Options"] = nosniff
		h["Content-Security-Policy"] = policy
		h["Referrer-Policy"] = referrer
		h["Cache-Control"] = noStore
		next.ServeHTTP(w, r)
	})
}
