package page

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer is a response whose body was read.
type answer struct {
	*http.Response
	body string
}

// serve returns a function that asks the page's handler over a real connection.
func serve(t *testing.T) func(method, path string, header ...string) answer {
	t.Helper()
	s := httptest.NewServer(Handler())
	t.Cleanup(s.Close)
	return func(method, path string, header ...string) answer {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		body, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{w, string(body)}
	}
}

// names are the files that are embedded.
func names(t *testing.T) []string {
	t.Helper()
	entries, err := fs.ReadDir(static, "static")
	if err != nil || len(entries) == 0 {
		t.Fatalf("no files are embedded: %v", err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func content(t *testing.T, name string) string {
	t.Helper()
	b, err := static.ReadFile(path.Join("static", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAnswers(t *testing.T) {
	ask := serve(t)
	f := func(method, path string, status int, media string) {
		t.Helper()
		w := ask(method, path)
		if w.StatusCode != status {
			t.Errorf("%s %s: status %d, want %d", method, path, w.StatusCode, status)
		}
		if got := w.Header.Get("Content-Type"); got != media {
			t.Errorf("%s %s: Content-Type %q, want %q", method, path, got, media)
		}
	}
	const plain = "text/plain; charset=utf-8"
	f("GET", "/", 200, "text/html; charset=utf-8")
	f("HEAD", "/", 200, "text/html; charset=utf-8")
	f("GET", "/?group=lobby", 200, "text/html; charset=utf-8")
	f("GET", "/app.js", 200, "text/javascript; charset=utf-8")
	f("GET", "/style.css", 200, "text/css; charset=utf-8")
	f("GET", "/icon.svg", 200, "image/svg+xml")
	f("GET", "/index.html", 404, plain)
	f("GET", "/static/app.js", 404, plain)
	f("GET", "/favicon.ico", 404, plain)
	f("GET", "/../page.go", 404, plain)
	f("GET", "//", 404, plain)
	f("POST", "/", 405, plain)
	f("DELETE", "/app.js", 405, plain)
	f("POST", "/nothing", 404, plain)
}

func TestEveryFileIsServedAsItIs(t *testing.T) {
	ask := serve(t)
	for _, name := range names(t) {
		w := ask("GET", address(name))
		if w.StatusCode != 200 || w.body != content(t, name) {
			t.Errorf("%s: status %d, %d bytes, want all %d", name, w.StatusCode, len(w.body), len(content(t, name)))
		}
		if w.Header.Get("Content-Type") == "" || media[path.Ext(name)] == "" {
			t.Errorf("%s has no content type: add its extension to media", name)
		}
	}
}

func TestSecurityHeadersAreOnEveryAnswer(t *testing.T) {
	ask := serve(t)
	f := func(method, path string) {
		t.Helper()
		h := ask(method, path).Header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self';", "style-src 'self';", "connect-src 'self' ws: wss:;",
			"frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'",
		} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s %s: the policy lacks %q: %s", method, path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s %s: the policy is not strict: %s", method, path, csp)
		}
		if got := h.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s %s: X-Content-Type-Options %q", method, path, got)
		}
		if got := h.Get("Referrer-Policy"); got != "no-referrer" {
			t.Errorf("%s %s: Referrer-Policy %q", method, path, got)
		}
	}
	f("GET", "/")
	f("GET", "/app.js")
	f("GET", "/nothing")
	f("POST", "/")
}

func TestRevalidation(t *testing.T) {
	ask := serve(t)
	seen := make(map[string]string)
	for _, name := range names(t) {
		first := ask("GET", address(name))
		etag := first.Header.Get("ETag")
		if first.Header.Get("Cache-Control") != "no-cache" || !regexp.MustCompile(`^"[0-9a-f]{24}"$`).MatchString(etag) {
			t.Errorf("%s: Cache-Control %q, ETag %q", name, first.Header.Get("Cache-Control"), etag)
		}
		if other, ok := seen[etag]; ok {
			t.Errorf("%s and %s have the same ETag", name, other)
		}
		seen[etag] = name
		if w := ask("GET", address(name), "If-None-Match", etag); w.StatusCode != http.StatusNotModified || w.body != "" {
			t.Errorf("%s: with its ETag status %d and %d bytes, want 304 and none", name, w.StatusCode, len(w.body))
		}
		if w := ask("GET", address(name), "If-None-Match", `"old"`); w.StatusCode != http.StatusOK {
			t.Errorf("%s: with another ETag status %d, want 200", name, w.StatusCode)
		}
	}
}

// TestAllow: who is told 405 is told what is allowed (RFC 9110 section 15.5.6).
func TestAllow(t *testing.T) {
	if got := serve(t)("PUT", "/").Header.Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow %q", got)
	}
}

// TestReferences: what a file refers to is there, and is ours.
func TestReferences(t *testing.T) {
	there := make(map[string]bool)
	for _, name := range names(t) {
		there[name] = true
	}
	reference := regexp.MustCompile(`(?:href|src)="([^"]*)"|from "\./([^"]*)"`)
	found := 0
	for _, name := range names(t) {
		for _, m := range reference.FindAllStringSubmatch(content(t, name), -1) {
			target := m[1] + m[2]
			if target == "" { // the page itself
				continue
			}
			found++
			if !there[target] {
				t.Errorf("%s refers to %q, which is not embedded", name, target)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d references were found: has the pattern gone stale?", found)
	}
}

// TestNothingFromElsewhere: the page works in a network without a way out.
func TestNothingFromElsewhere(t *testing.T) {
	foreign := regexp.MustCompile(`https?://[^\s"'\x60]+|url\(|@import`)
	for _, name := range names(t) {
		for _, hit := range foreign.FindAllString(content(t, name), -1) {
			if hit != "http://www.w3.org/2000/svg" { // a namespace, fetched by nobody
				t.Errorf("%s refers to %s", name, hit)
			}
		}
	}
}

// TestNothingInline: what the policy forbids a browser reports to nobody but its own
// console, and the page would only look a little wrong.
func TestNothingInline(t *testing.T) {
	f := func(name, pattern, why string) {
		t.Helper()
		if hit := regexp.MustCompile(pattern).FindString(content(t, name)); hit != "" {
			t.Errorf("%s has %s: %s", name, hit, why)
		}
	}
	f("index.html", `<style|\sstyle=|\son[a-z]+=`, "the policy allows no inline style or handler")
	f("index.html", `<script[^>]*>\s*[^<\s]`, "the policy allows no inline script")
	for _, name := range names(t) {
		if path.Ext(name) == ".js" {
			f(name, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`, "text enters the document by textContent only")
			f(name, `localStorage|sessionStorage|document\.cookie`, "an access token stays in its window")
		}
	}
}

// TestSizes: the page is read by people too.
func TestSizes(t *testing.T) {
	for _, name := range names(t) {
		if n := strings.Count(content(t, name), "\n"); n > 400 {
			t.Errorf("%s has %d lines, want at most 400", name, n)
		}
	}
}
