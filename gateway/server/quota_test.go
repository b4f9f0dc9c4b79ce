package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/reactor"
)

// TestQuota: each key has its own bound, what is given back may be taken again, and nothing
// is kept of who has none.
func TestQuota(t *testing.T) {
	q := newQuota[string](2)
	for i, want := range []bool{true, true, false, false} {
		if got := q.take("a"); got != want {
			t.Errorf("take %d: %v", i, got)
		}
	}
	if !q.take("b") {
		t.Error("one key's bound is another's")
	}
	q.give("a")
	if !q.take("a") || q.take("a") {
		t.Error("what was given back is not what may be taken")
	}
	q.give("a")
	q.give("b")
	if len(q.taken) != 1 {
		t.Errorf("kept are %v", q.taken)
	}
	if q.give("a"); q.taken != nil {
		t.Errorf("kept are %v", q.taken)
	}
	none := newQuota[string](0)
	if none != nil || !none.take("a") {
		t.Error("a bound where none is")
	}
	none.give("a")
}

// TestQuotaAtOnce: the bound holds for those who come at the same time.
func TestQuotaAtOnce(t *testing.T) {
	q := newQuota[int](10)
	var all sync.WaitGroup
	var in atomic.Int64
	for range 100 {
		all.Go(func() {
			if q.take(1) {
				in.Add(1)
			}
		})
	}
	all.Wait()
	if in.Load() != 10 {
		t.Errorf("%d are in", in.Load())
	}
}

// TestQuotaGivenBack: a connection that does not come to a worker is no longer counted,
// whatever it failed at, and one that does is.
func TestQuotaGivenBack(t *testing.T) {
	var adopted error
	s := &Server{addresses: newQuota[netip.Addr](1), users: newQuota[account](1)}
	s.Log, s.Limits.Connections = slog.New(slog.DiscardHandler), 10
	s.counts.init(metrics.NewSet())
	s.Adopt = func(c net.Conn, _ []byte, _ reactor.Handler, _ bool) error {
		if errors.Is(adopted, http.ErrAbortHandler) {
			c.Close()
			panic(adopted)
		}
		if adopted == nil {
			c.Close()
		}
		return adopted
	}
	ended := make(chan struct{}, 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- struct{}{} }()
		s.upgrade(w, r, &session{endpoint: &endpoint{hub: "chat"}, identity: &auth.Identity{User: "ann"}}, "")
	}))
	defer web.Close()
	f := func(version string, err error, kept int) {
		t.Helper()
		adopted = err
		c, err := net.Dial("tcp", web.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET / HTTP/%s\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", version)
		<-ended
		if n, m := len(s.addresses.taken), len(s.users.taken); n != kept || m != kept {
			t.Errorf("HTTP/%s, %v: %d and %d are counted, want %d", version, adopted, n, m, kept)
		}
	}
	f("1.0", nil, 0)
	f("1.1", reactor.ErrFull, 0)
	f("1.1", http.ErrAbortHandler, 0)
	f("1.1", nil, 1)
	if n := s.counts.errors[faultHandshake].Get(); n != 2 {
		t.Errorf("%d handshakes failed, want 2", n)
	}
}
