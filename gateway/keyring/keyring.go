// Package keyring brings auth its keys, and keeps them current: from the settings, from
// files, which are read again when they change, and from the address of an issuer's key
// set, which is fetched off the way of clients.
//
// Whatever goes wrong while the gateway runs, a source keeps the keys that it had: an
// issuer that is away, or a file that is half written, locks nobody out.
package keyring

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/watch"
)

// Config is what a ring is told once, by value.
type Config struct {
	Keys       []string // access keys, or file:PATH of some
	KeysFile   string   // a file of access keys; empty is none
	PublicKeys []string // files in PEM
	JWKS       string   // the address of a key set; empty is none
	Refresh    time.Duration
	Rules      auth.Rules

	Poll  time.Duration // files are looked at this often; 0 is two seconds
	Pause time.Duration // the key set is fetched no more often than this; 0 is ten seconds
	Log   *slog.Logger
	Set   *metrics.Set
}

// Ring is the sources of a gateway's keys. Its methods may be called on any goroutine.
type Ring struct {
	// Static after Open.
	Config
	keys   *auth.Keys
	began  time.Time
	files  []*file
	counts counts
	end    context.CancelFunc
	ended  sync.WaitGroup

	wanted  chan struct{} // a token named a key that is not there
	fetched chan struct{} // closed when the key set was first fetched, or that has failed
	at      atomic.Int64  // when it was last fetched, in Unix nanoseconds; 0: never
}

// Names of sources, which order the keys: those that are tried first are cheap.
const (
	fromSettings = "a settings"
	fromFiles    = "b file "
	fromIssuer   = "c issuer"
)

// Open reads the keys that are at hand and begins to keep them current; the first fetch
// of a key set has only begun when it returns (see Await). An error is the operator's
// to mend: a file that is not there, or has no key in it. It waits for files.
func Open(c Config) (*Ring, error) {
	if c.Poll == 0 {
		c.Poll = 2 * time.Second
	}
	if c.Pause == 0 {
		c.Pause = 10 * time.Second
	}
	r := &Ring{Config: c, began: time.Now(), wanted: make(chan struct{}, 1), fetched: make(chan struct{})}
	r.keys = auth.NewKeys(c.Rules, r.want)
	r.counts.init(c.Set, r)
	if err := r.read(); err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	r.end = end
	if len(r.files) > 0 {
		r.ended.Go(func() { watch.Every(ctx, r.Poll, r.look) })
	}
	if c.JWKS != "" {
		r.keys.Expect(fromIssuer)
		r.ended.Go(func() { r.follow(ctx) })
	} else {
		close(r.fetched)
	}
	return r, nil
}

// read takes the keys of the settings and of all files.
func (r *Ring) read() error {
	var given []auth.Key
	for i, text := range r.Config.Keys {
		if path, isFile := strings.CutPrefix(text, "file:"); isFile {
			r.files = append(r.files, &file{path: path, setting: "keys", parse: auth.ParseSecrets})
			continue
		}
		key, err := auth.SecretKey(text, fmt.Sprintf("keys[%d]", i))
		if err != nil {
			return fmt.Errorf("setting keys: %w", err)
		}
		given = append(given, key)
	}
	if len(given) > 0 {
		r.keys.Replace(fromSettings, given)
	}
	if r.KeysFile != "" {
		r.files = append(r.files, &file{path: r.KeysFile, setting: "keys_file", parse: auth.ParseSecrets})
	}
	for _, path := range r.PublicKeys {
		r.files = append(r.files, &file{path: path, setting: "auth.public_keys", parse: auth.ParsePEM})
	}
	for i, f := range r.files {
		keys, _, err := f.read()
		if err != nil {
			return fmt.Errorf("setting %s: %w", f.setting, err)
		}
		f.source = fmt.Sprintf("%s%03d %s", fromFiles, i, f.path)
		r.keys.Replace(f.source, keys)
	}
	return nil
}

// Keys verifies with what the ring has at any moment.
func (r *Ring) Keys() *auth.Keys { return r.keys }

// Ready is nil, or says that the key set was never fetched, so that clients whose
// tokens need it cannot be let in. Never waits.
func (r *Ring) Ready() error {
	if r.JWKS == "" || r.at.Load() != 0 {
		return nil
	}
	return fmt.Errorf("the key set %s could not be fetched yet; the log says why", shown(r.JWKS))
}

// Await returns when the key set was first fetched, or could not be, or when ctx ends.
func (r *Ring) Await(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-r.fetched:
	}
}

// want is told, on the goroutine of a handshake, of a token whose key is not there.
func (r *Ring) want() {
	select {
	case r.wanted <- struct{}{}:
	default: // it is known already
	}
}

// Close ends the ring's goroutines, and waits for it. The keys stay as they are. A nil
// ring, which could not be opened, has none.
func (r *Ring) Close() {
	if r == nil {
		return
	}
	r.end()
	r.ended.Wait()
}
