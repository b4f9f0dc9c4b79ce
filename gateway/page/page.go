// Package page is the demo page at /: what a newcomer opens to see two windows
// talk to each other through the gateway, and what others read to write a client
// of their own. It is plain JavaScript over the public protocol, with no
// privilege that another page would not have. Imports nothing of ours.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// static is the page as it is served: no build step stands between what is here
// and what the browser gets.
//
//go:embed static
var static embed.FS

// media are the content types by file extension. They are written out because
// the mime package asks the machine's own tables, and nosniff makes a browser
// refuse a script that such a table calls text/plain.
var media = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// policy is the Content-Security-Policy: nothing but our own files, no inline
// script or style, and in browsers that know Trusted Types no way to turn a
// message's text into markup. ws: and wss: are open because the page may be
// pointed at another node of the same deployment.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
	"connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'"

// file is one file of the page, ready to be sent. Static after construction.
type file struct {
	name    string
	media   string
	etag    string
	content []byte
}

// Handler returns the handler of the page and all its files. Mount it at "/",
// below the more specific patterns of the public listener: what it does not have
// is a 404. It holds everything in memory, so it never blocks on anything but
// the client. Safe for concurrent use.
func Handler() http.Handler {
	files := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		f, ok := files[r.URL.Path]
		switch {
		case !ok:
			http.Error(w, "nothing is served at this address; the demo page is at /", http.StatusNotFound)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the demo page can only be read", http.StatusMethodNotAllowed)
		default:
			f.serve(w, r)
		}
	})
}

// serve sends one file, or 304 to a browser that has it. The names carry no
// version, so every use is revalidated: after an upgrade of the gateway no
// browser runs old script against new markup.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.media)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.etag)
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.content))
}

// secure sets the headers that every answer has, errors too.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	// An access token may be pasted into the page; no address of ours goes anywhere.
	h.Set("Referrer-Policy", "no-referrer")
}

// load reads the embedded files into a table by URL path. What it reads was
// compiled in, so that it can fail is only a matter of form: a file that cannot
// be read is not served, and a test sees that all of them are.
func load() map[string]file {
	files := make(map[string]file)
	entries, _ := fs.ReadDir(static, "static")
	for _, e := range entries {
		content, err := static.ReadFile(path.Join("static", e.Name()))
		if err != nil {
			continue
		}
		sum := sha256.Sum256(content)
		files[address(e.Name())] = file{
			name:    e.Name(),
			media:   media[path.Ext(e.Name())],
			etag:    fmt.Sprintf("%q", hex.EncodeToString(sum[:12])),
			content: content,
		}
	}
	return files
}

// address is the URL path of a file: index.html is the page itself.
func address(name string) string {
	if name == "index.html" {
		return "/"
	}
	return "/" + name
}
