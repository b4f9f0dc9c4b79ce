package keyring

import (
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// counts are the ring's. They exist from the start, so that a rate over them is right
// from the first one.
type counts struct {
	fileRead, fileFailed, setRead, setFailed *metrics.Counter
}

func (k *counts) init(set *metrics.Set, r *Ring) {
	k.fileRead = set.NewCounter(`tidegate_key_loads_total{source="file",outcome="loaded"}`)
	k.fileFailed = set.NewCounter(`tidegate_key_loads_total{source="file",outcome="failed"}`)
	k.setRead = set.NewCounter(`tidegate_key_loads_total{source="jwks",outcome="loaded"}`)
	k.setFailed = set.NewCounter(`tidegate_key_loads_total{source="jwks",outcome="failed"}`)
	set.NewGauge("tidegate_keys", func() float64 { return float64(len(r.keys.All())) })
	set.NewGauge("tidegate_jwks_age_seconds", r.age)
}

// age is how long ago the key set was last fetched: 0 without one, and since the start
// while it never was.
func (r *Ring) age() float64 {
	if r.JWKS == "" {
		return 0
	}
	last := r.at.Load()
	if last == 0 {
		last = r.began.UnixNano()
	}
	return time.Since(time.Unix(0, last)).Seconds()
}
