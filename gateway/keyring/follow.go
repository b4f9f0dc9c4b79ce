package keyring

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// maxRetry is how long a key set that could not be fetched is left alone at most.
const maxRetry = time.Minute

// follow fetches the key set, again and again, until ctx ends: when it is old, when a
// token names a key that is not in it, and soon after a failure. Tokens make for no more
// than one fetch in Config.Pause, whatever strangers put into them.
func (r *Ring) follow(ctx context.Context) {
	client := newClient()
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = time.Second, maxRetry
	failing := ""
	for {
		keep, err := r.load(ctx, client, &failing)
		next := r.keepFor(keep)
		if err != nil {
			next = wait.NextBackOff()
		} else {
			wait.Reset()
		}
		if !r.sleep(ctx, next) {
			return
		}
	}
}

// load fetches the key set once. A failure leaves the keys that it had in force, and is
// logged when it is another than the last.
func (r *Ring) load(ctx context.Context, client *http.Client, failing *string) (keep time.Duration, err error) {
	select {
	case <-r.wanted: // what was wanted until now this fetch may bring
	default:
	}
	keys, skipped, keep, err := fetch(ctx, client, r.JWKS)
	if ctx.Err() != nil {
		return 0, err
	}
	defer r.first()
	// Before the error: a set without a key that is of use is one, and this is why.
	for _, why := range skipped {
		r.Log.Debug("a key of the set is not used", slog.Any("error", why))
	}
	if err != nil {
		r.counts.setFailed.Inc()
		if err.Error() != *failing {
			r.Log.Warn("the key set cannot be fetched: the keys that were in it before stay in force", "address", shown(r.JWKS), slog.Any("error", err))
		}
		*failing = err.Error()
		return 0, err
	}
	*failing = ""
	r.keys.Replace(fromIssuer, keys)
	r.at.Store(time.Now().UnixNano())
	r.counts.setRead.Inc()
	r.Log.Debug("the key set was fetched", "address", shown(r.JWKS), "keys", len(keys))
	return keep, nil
}

// first says that the first fetch is over.
func (r *Ring) first() {
	select {
	case <-r.fetched:
	default:
		close(r.fetched)
	}
}

// keepFor is when the set is fetched again: what the issuer says, within the pause and
// the setting, and up to a tenth of it earlier, so that nodes that were started together
// do not ask together.
func (r *Ring) keepFor(keep time.Duration) time.Duration {
	if keep == 0 || keep > r.Refresh {
		keep = r.Refresh
	}
	keep = max(keep, r.Pause)
	return keep - rand.N(keep/10+1)
}

// sleep waits for d, or until a key is wanted, but for the pause at least. It is false
// when ctx has ended.
func (r *Ring) sleep(ctx context.Context, d time.Duration) bool {
	began := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-r.wanted:
	}
	timer.Reset(min(d, r.Pause) - time.Since(began))
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
