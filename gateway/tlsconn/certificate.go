package tlsconn

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/gateway/watch"
)

// Files is where a certificate is, in PEM, with those between it and its authority.
type Files struct {
	Cert, Key string
	Poll      time.Duration // they are looked at this often; 0 is two seconds
	Log       *slog.Logger
	Metrics   *metrics.Set
}

// Check says what is wrong with the files, if anything is.
func (f Files) Check() error {
	if f.Cert == "" {
		return nil
	}
	_, err := (&Certificate{Files: f}).read()
	return err
}

// maxFile is how much of a file is read. A chain has some thousand bytes.
const maxFile = 1 << 20

// Certificate is one that is read again when its files change. Its methods may be called
// on any goroutine.
type Certificate struct {
	Files
	current        atomic.Pointer[tls.Certificate]
	cert, key      []byte // what was read last; the watcher's after Open
	failing        string // the last error, so that it is logged once; likewise
	loaded, failed *metrics.Counter
	end            context.CancelFunc
	ended          sync.WaitGroup
	relays         sync.WaitGroup
	pairing        sync.Mutex       // guards what follows, while a pair is made
	inner          *net.TCPListener // of relays' other ends
	relayed        atomic.Int64     // WebSockets that have one
}

// Open reads the files, and begins to watch them. An error is the operator's to mend.
// Without files there is no certificate, nil, whose metrics are all 0.
func Open(f Files) (*Certificate, error) {
	if f.Cert == "" {
		new(Certificate).count(f.Metrics)
		return nil, nil
	}
	if f.Poll == 0 {
		f.Poll = 2 * time.Second
	}
	c := &Certificate{Files: f}
	if _, err := c.read(); err != nil {
		return nil, err
	}
	var err error
	if c.inner, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		return nil, fmt.Errorf("the relay of TLS needs a listener on loopback: %w", err)
	}
	c.count(f.Metrics)
	ctx, end := context.WithCancel(context.Background())
	c.end = end
	c.ended.Go(func() { watch.Every(ctx, c.Poll, c.refresh) })
	return c, nil
}

// count makes the metrics, which exist from the start.
func (c *Certificate) count(set *metrics.Set) {
	c.loaded = set.NewCounter(`tidegate_certificate_loads_total{outcome="loaded"}`)
	c.failed = set.NewCounter(`tidegate_certificate_loads_total{outcome="failed"}`)
	set.NewGauge("tidegate_certificate_expiry_timestamp_seconds", c.expiry)
	set.NewGauge("tidegate_tls_connections", func() float64 { return float64(c.relayed.Load()) })
}

// expiry is when the certificate in force expires, in Unix seconds; 0 without one.
func (c *Certificate) expiry() float64 {
	current := c.current.Load()
	if current == nil {
		return 0
	}
	return float64(current.Leaf.NotAfter.Unix())
}

// Close ends the watching, and waits for it. A nil certificate has none.
func (c *Certificate) Close() {
	if c != nil {
		c.end()
		c.ended.Wait()
		_ = c.inner.Close()
	}
}

// Await returns when all clients have what was written for them, or when ctx ends: for
// after the loops have closed their ends. It waits.
func (c *Certificate) Await(ctx context.Context) {
	if c == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.relays.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// read takes the files if they have changed. They change one after the other, so that for
// a moment they may not fit; then what was read before stays in force.
func (c *Certificate) read() (changed bool, err error) {
	cert, err := watch.Read(c.Cert, maxFile)
	if err != nil {
		return false, fmt.Errorf("setting tls.cert_file: %w", err)
	}
	key, err := watch.Read(c.Key, maxFile)
	if err != nil {
		return false, fmt.Errorf("setting tls.key_file: %w", err)
	}
	if bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return false, nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return false, fmt.Errorf("settings tls.cert_file (%s) and tls.key_file (%s): %w", c.Cert, c.Key, err)
	}
	c.cert, c.key = cert, key
	c.current.Store(&pair)
	return true, nil
}

// refresh says what has become of the files.
func (c *Certificate) refresh() {
	changed, err := c.read()
	if err != nil && err.Error() != c.failing {
		c.failing = err.Error()
		c.failed.Inc()
		c.Log.Warn("the certificate cannot be read: the one before stays in force", slog.Any("error", err))
	}
	if err != nil {
		return
	}
	c.failing = ""
	if changed {
		c.loaded.Inc()
		c.Log.Info("the certificate has changed, and is in force", "file", c.Cert, "until", c.current.Load().Leaf.NotAfter)
	}
}

// config is for servers of HTTP/1.1, which WebSocket is spoken over.
func (c *Certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
