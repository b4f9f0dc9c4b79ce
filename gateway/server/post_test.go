package server

import (
	"log/slog"
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/tidegate/tidegate/reactor"
)

// TestPostOnLoop: a recovery says on its own loop how it ends, also if the loop's inbox is
// full.
func TestPostOnLoop(t *testing.T) {
	n := start(t, 1, 100)
	c := n.dial("json.reliable.webpubsub.azure.v1", "")
	n.on(func(s *session) {
		for s.conn.Worker().TryPost(func(*reactor.Worker) {}) == nil {
		}
		(&recovery{session: s, id: "x"}).refuse(notKnown)
	})
	if _, _, err := wsutil.ReadServerData(c); err == nil {
		t.Error("the client was not told")
	}
}

// TestPostOver: who posts to a worker that has ended is told.
func TestPostOver(t *testing.T) {
	r, err := reactor.New(reactor.Config{Workers: 1, PoolSize: 1, Metrics: metrics.NewSet(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Shutdown(t.Context(), ws.StatusGoingAway, ""); err != nil {
		t.Fatal(err)
	}
	over := false
	post(r.Workers()[0], func(*reactor.Worker) { t.Error("it ran") }, func() { over = true })
	if !over {
		t.Error("nobody was told")
	}
}
