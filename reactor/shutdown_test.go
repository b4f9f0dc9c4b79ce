package reactor

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestShutdown: every client gets the close frame and may answer; then nothing
// runs and nothing is taken.
func TestShutdown(t *testing.T) {
	r, err := New(Config{Workers: 2, PoolSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	var peers []*peer
	var clients sync.WaitGroup
	for range 10 {
		h := newPeer(nil)
		peers = append(peers, h)
		c := connect(t, r, h)
		within(t, "Open", h.conn)
		clients.Go(func() {
			want := answerClose(1012, "see you")
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c, got); err != nil || string(got) != string(want) {
				t.Errorf("got %q, %v", got, err)
			}
			_, _ = c.Write(bye(1012, ""))
			if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
				t.Errorf("after the close frame: %q, %v", b, err)
			}
			c.Close()
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Shutdown(ctx, 1012, "see you"); err != nil {
		t.Error(err)
	}
	clients.Wait()
	for _, h := range peers {
		if why := within(t, "Closed", h.closed); why != Shutdown {
			t.Errorf("closed with %s", why)
		}
	}
	w := r.Workers()[0]
	f := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
	server, client := pair(t)
	defer server.Close()
	defer client.Close()
	f("Post", w.Post(func(*Worker) {}))
	f("TryPost", w.TryPost(func(*Worker) {}))
	f("TrySubmit", w.Pool().TrySubmit(func() {}))
	f("Adopt", r.Adopt(server, nil, newPeer(nil), false))
	f("Ready", r.Ready())
	f("Shutdown", r.Shutdown(ctx, 1012, ""))
}

// TestShutdownCutsOff: clients that do not answer are cut off when the context
// ends, and told so in the error; their handlers hear it all the same.
func TestShutdownCutsOff(t *testing.T) {
	r := start(t, Config{Workers: 2})
	var peers []*peer
	for range 4 {
		h := newPeer(nil)
		peers = append(peers, h)
		connect(t, r, h)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err := r.Shutdown(ctx, 1012, "")
	if err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "4 clients") {
		t.Errorf("got %v", err)
	}
	for _, h := range peers {
		if why := within(t, "Closed", h.closed); why != Shutdown {
			t.Errorf("closed with %s", why)
		}
	}
}

// TestShutdownFinishesTasks: what the pool has taken is done, and may still post.
func TestShutdownFinishesTasks(t *testing.T) {
	r := start(t, Config{Workers: 1, PoolSize: 1})
	w := r.Workers()[0]
	posted := make(chan int, 10)
	for i := range 5 {
		if err := w.Pool().TrySubmit(func() {
			time.Sleep(5 * time.Millisecond)
			if err := w.Post(func(*Worker) { posted <- i }); err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Shutdown(context.Background(), 1001, ""); err != nil {
		t.Error(err)
	}
	if len(posted) != 5 {
		t.Errorf("%d of 5 tasks were finished", len(posted))
	}
}

// TestShutdownWakesPosts: who waits for room is not left waiting.
func TestShutdownWakesPosts(t *testing.T) {
	r := start(t, Config{Workers: 1, Queue: 1})
	w := r.Workers()[0]
	release := hold(t, w)
	defer release()
	for w.TryPost(func(*Worker) {}) == nil {
	}
	posted := make(chan error, 1)
	go func() { posted <- w.Post(func(*Worker) {}) }()
	eventually(t, "Post waits", func() bool { return number(r.config.Metrics, "tidegate_worker_queue_waits_total") == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := r.Shutdown(ctx, 1001, ""); err == nil || !strings.Contains(err.Error(), "worker 0 is stuck") {
		t.Errorf("Shutdown with a stuck loop says %v", err)
	}
	if err := within(t, "Post", posted); !errors.Is(err, ErrClosed) {
		t.Errorf("Post says %v", err)
	}
	release()
	within(t, "the loop to end", w.ended)
}

// TestShutdownRace: adoptions and posts that run into a shutdown end in one of
// the two ways that they may: an error, or Open and Closed.
func TestShutdownRace(t *testing.T) {
	r := start(t, Config{Workers: 2, CloseTimeout: 50 * time.Millisecond})
	var all sync.WaitGroup
	for range 40 {
		server, client := pair(t)
		defer client.Close()
		all.Go(func() {
			h := newPeer(nil)
			if err := r.Adopt(server, frame(ws.OpPing, ""), h, false); err != nil {
				server.Close()
				if !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
				return
			}
			within(t, "Open", h.conn)
			within(t, "Closed", h.closed)
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Shutdown(ctx, 1001, ""); err != nil {
		t.Error(err)
	}
	all.Wait()
}
