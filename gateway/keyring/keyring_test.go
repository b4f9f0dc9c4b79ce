package keyring

import (
	"context"
	"crypto"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/gateway/auth"
)

const (
	oldSecret = "an-old-s3cret-of-sixteen-bytes"
	newSecret = "a-new-s3cret-of-sixteen-bytes"
)

func secretToken(t *testing.T, secret string) string {
	t.Helper()
	token, err := auth.Sign(secret, auth.Claims{Hub: "chat", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestPEMReload: a file's keys are those that it has now, one or several; while it is
// gone or half written, those that it had.
func TestPEMReload(t *testing.T) {
	a, b := newPair(t), newPair(t)
	path := inFile(t, a.pem)
	r, log := open(t, Config{PublicKeys: []string{path}})
	ofA, ofB := a.token(t, ""), b.token(t, "")
	if !r.is(ofA, nil) || !r.is(ofB, auth.ErrInvalid) || !r.is("", auth.ErrMissing) {
		t.Fatal("the file's key is not in force, or another one is")
	}
	write(t, path, append(append([]byte{}, a.pem...), b.pem...))
	eventually(t, "both are in force", func() bool { return r.is(ofB, nil) })
	if !r.is(ofA, nil) {
		t.Error("the first key of two is not in force")
	}
	write(t, path, b.pem[:len(b.pem)/2])
	eventually(t, "the log says that the file is broken", func() bool { return strings.Contains(log.String(), "cannot be read: the keys") })
	if !r.is(ofA, nil) || !r.is(ofB, nil) {
		t.Error("a broken file has taken keys away")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log says that the file is gone", func() bool { return strings.Contains(log.String(), "cannot be opened") })
	write(t, path, b.pem)
	eventually(t, "the old key is out", func() bool { return r.is(ofA, auth.ErrInvalid) })
	if !r.is(ofB, nil) {
		t.Error("the new key is not in force")
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 2 {
		t.Errorf("%d warnings, want one for each fault:\n%s", n, log)
	}
}

// TestSecretFiles: access keys out of files, by setting and by reference, for clients
// and for the data plane, and none of them in the log.
func TestSecretFiles(t *testing.T) {
	path := inFile(t, []byte(oldSecret+"\n"))
	other := inFile(t, []byte("# nothing else\n"+newSecret))
	r, log := open(t, Config{KeysFile: path, Keys: []string{"a-third-s3cret-of-16-bytes", "file:" + other}})
	for _, s := range []string{oldSecret, newSecret, "a-third-s3cret-of-16-bytes"} {
		if !r.is(secretToken(t, s), nil) {
			t.Errorf("%s is not in force", s)
		}
		request, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://h/api", nil)
		request.Header.Set("Authorization", "Bearer "+s)
		if err := r.Keys().Request(request, time.Now()); err != nil {
			t.Errorf("the data plane with %s: %v", s, err)
		}
	}
	write(t, path, []byte("another-s3cret-of-16-bytes\n"))
	eventually(t, "the old key is out", func() bool { return r.is(secretToken(t, oldSecret), auth.ErrInvalid) })
	write(t, path, []byte("short-s3cret\n"))
	eventually(t, "the log says that the file is broken", func() bool { return strings.Contains(log.String(), "level=WARN") })
	for _, key := range r.Keys().All() {
		if strings.Contains(key.String(), "s3cret") {
			t.Errorf("a key shows itself: %s", key)
		}
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Errorf("a secret is in the log:\n%s", log)
	}
}

// TestRefusedFiles: what is wrong at the start is the operator's, with the setting's
// name and the remedy.
func TestRefusedFiles(t *testing.T) {
	f := func(c Config, want ...string) {
		t.Helper()
		c.Log, c.Set = slog.New(slog.DiscardHandler), metrics.NewSet()
		r, err := Open(c)
		if err == nil {
			r.Close()
			t.Errorf("%+v: accepted", c)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%v, want %q in it", err, w)
			}
		}
	}
	p := newPair(t)
	f(Config{KeysFile: "/nowhere/keys"}, "setting keys_file: /nowhere/keys", "no such file")
	f(Config{Keys: []string{"file:/nowhere/keys"}}, "setting keys: /nowhere/keys")
	f(Config{KeysFile: inFile(t, nil)}, "no access key in it")
	f(Config{KeysFile: inFile(t, []byte("short-s3cret"))}, "at least 16 bytes")
	f(Config{KeysFile: inFile(t, p.pem)}, "auth.public_keys")
	f(Config{KeysFile: t.TempDir()}, "it is no file")
	f(Config{PublicKeys: []string{"/dev/zero"}}, "it is no file")
	f(Config{PublicKeys: []string{inFile(t, []byte(oldSecret))}}, "setting auth.public_keys", "no public key in it")
	f(Config{PublicKeys: []string{inFile(t, make([]byte, maxFile+1))}}, "larger than")
}

// TestIssuer: the life of a key set. It is not there at first, comes, is rotated, is
// away for a while, and comes back with other keys.
func TestIssuer(t *testing.T) {
	a, b := newPair(t), newPair(t)
	ofA, ofB := a.token(t, "a"), b.token(t, "b")
	i := newIssuer(t)
	r, log := open(t, Config{JWKS: i.URL + "/jwks.json?who=s3cret"})
	r.Await(context.Background())
	if r.Ready() == nil || !r.is(ofA, auth.ErrNotYet) || !r.is("", auth.ErrMissing) {
		t.Error("without a key set the node is ready, or lets somebody in, or turns him away for good")
	}
	i.will(serves(keySet(t, map[string]crypto.PublicKey{"a": a.private.Public()})))
	eventually(t, "the first key is in force", func() bool { return r.is(ofA, nil) })
	if err := r.Ready(); err != nil {
		t.Error(err)
	}
	// Rotation: a token of the new key has the set fetched, long before it is due.
	both := keySet(t, map[string]crypto.PublicKey{"a": a.private.Public(), "b": b.private.Public()})
	i.will(serves(both))
	eventually(t, "the new key is in force", func() bool { return r.is(ofB, nil) })
	if !r.is(ofA, nil) {
		t.Error("the old key is out before its time")
	}
	// An outage: of whatever kind, what was in force stays.
	for what, answer := range map[string]http.HandlerFunc{
		"an error": fails,
		"a page":   serves([]byte("<html>maintenance</html>")),
		"no keys":  serves([]byte(`{"keys":[]}`)),
		"too much": serves(append(make([]byte, maxBody), both...)),
		"half": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			_, _ = w.Write([]byte("{"))
		},
	} {
		i.will(answer)
		before := i.fetched()
		eventually(t, what+" was fetched", func() bool { r.is(newPair(t).token(t, "c"), auth.ErrInvalid); return i.fetched() > before+1 })
		if !r.is(ofA, nil) || !r.is(ofB, nil) || r.Ready() != nil {
			t.Errorf("%s has taken keys away", what)
		}
	}
	stranger := newPair(t).token(t, "c") // has the set fetched before the next try is due
	i.will(serves([]byte(`{"keys":[{"kty":"OKP","kid":"odd","crv":"X25519","x":"AA"}]}`)))
	eventually(t, "the log says why no key of the set is used", func() bool {
		r.is(stranger, nil)
		return strings.Contains(log.String(), "a key of the set is not used")
	})
	i.CloseClientConnections()
	i.will(serves(keySet(t, map[string]crypto.PublicKey{"b": b.private.Public()})))
	eventually(t, "the old key is out", func() bool { r.is(stranger, nil); return r.is(ofA, auth.ErrInvalid) })
	if !r.is(ofB, nil) {
		t.Error("the key that stayed is out")
	}
	if strings.Contains(log.String(), "s3cret") || !strings.Contains(log.String(), "level=WARN") {
		t.Errorf("the log says too much or too little:\n%s", log)
	}
}

// TestPause: whatever strangers put into their tokens, the issuer is asked once in the
// pause; and a key that is wanted meanwhile is asked for when it is over.
func TestPause(t *testing.T) {
	a := newPair(t)
	i := newIssuer(t)
	i.will(serves(keySet(t, map[string]crypto.PublicKey{"a": a.private.Public()})))
	r, _ := open(t, Config{JWKS: i.URL, Pause: time.Hour})
	r.Await(context.Background())
	for n := range 100 {
		if !r.is(newPair(t).token(t, strings.Repeat("x", n+1)), auth.ErrInvalid) {
			t.Fatal("a stranger's token was accepted")
		}
	}
	if n := i.fetched(); n != 1 {
		t.Errorf("100 strangers made %d fetches, want the first alone", n)
	}
}

// TestRefresh: the set is fetched again without anybody asking, as its issuer's
// Cache-Control says, or as the setting does.
func TestRefresh(t *testing.T) {
	i := newIssuer(t)
	body := keySet(t, map[string]crypto.PublicKey{"a": newPair(t).private.Public()})
	for _, header := range []string{"max-age=1", "no-store", ""} {
		i.will(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", header)
			serves(body)(w, r)
		})
		refresh := time.Hour
		if header == "" {
			refresh = time.Millisecond
		}
		before := i.fetched()
		open(t, Config{JWKS: i.URL, Refresh: refresh})
		eventually(t, "it is fetched again with "+header, func() bool { return i.fetched() > before+1 })
	}
}

// TestKeepFor: within the pause and the setting, and never at the same time.
func TestKeepFor(t *testing.T) {
	r := &Ring{Config: Config{Refresh: time.Hour, Pause: time.Minute}}
	for given, want := range map[time.Duration]time.Duration{0: time.Hour, time.Second: time.Minute, 30 * time.Minute: 30 * time.Minute, 24 * time.Hour: time.Hour} {
		seen := make(map[time.Duration]bool)
		for range 50 {
			got := r.keepFor(given)
			if seen[got] = true; got > want || got < want-want/10 {
				t.Errorf("%s is kept for %s, want up to a tenth less than %s", given, got, want)
			}
		}
		if len(seen) < 10 {
			t.Errorf("%s: nodes ask together", given)
		}
	}
	for header, want := range map[string]time.Duration{
		"": 0, "public, max-age=300, must-revalidate": 5 * time.Minute, `Max-Age="60"`: time.Minute, "max-age=0": time.Second,
		"max-age=-5": 0, "max-age=99999999999999": 0, "no-cache, max-age=60": time.Second, "s-maxage=7": 0,
	} {
		if got := maxAge([]string{header}); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

// TestTrust: keys are taken from nobody who could be somebody else.
func TestTrust(t *testing.T) {
	i := newIssuer(t)
	to := func(address string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, address, http.StatusFound) }
	}
	f := func(address, want string) {
		t.Helper()
		_, _, _, err := fetch(context.Background(), newClient(), address)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
	f("http://issuer.example/jwks", "not https")
	f("ftp://127.0.0.1/jwks", "not https")
	i.will(to("http://issuer.example/jwks?s3cret"))
	f(i.URL, "not https")
	i.will(to(i.URL))
	f(i.URL, "too often")
	i.Server.Close()
	f(i.URL+"?s3cret", "refused")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, _, err := fetch(ctx, newClient(), i.URL); !errors.Is(err, context.Canceled) {
		t.Errorf("a fetch goes on after the end: %v", err)
	}
}
