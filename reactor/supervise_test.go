package reactor

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// TestPanics: a handler that panics costs its own connection, a posted function
// nobody; the loop goes on.
func TestPanics(t *testing.T) {
	var j journal
	r := start(t, Config{Workers: 1, Log: j.logger()})
	good := connect(t, r, newPeer(echo))
	f := func(h *peer) {
		t.Helper()
		c := connect(t, r, h)
		send(t, c, join(frame(ws.OpText, "1"), frame(ws.OpText, "bang"), frame(ws.OpText, "3")))
		got, err := io.ReadAll(c)
		want := answerClose(1011, "internal error")
		if h.open == nil {
			want = join(answer(ws.OpText, "1"), want)
		}
		if err != nil || string(got) != string(want) {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
		c.Close()
		if why := within(t, "Closed", h.closed); why != HandlerPanic {
			t.Errorf("closed with %s", why)
		}
	}
	f(newPeer(func(c *Conn, p []byte, binary bool) {
		if string(p) == "bang" {
			panic("the handler's fault")
		}
		echo(c, p, binary)
	}))
	inOpen := newPeer(echo)
	inOpen.open = func(*Conn) { panic("the handler's fault at the start") }
	f(inOpen)
	if n := number(r.config.Metrics, `tidegate_panics_total{where="handler"}`); n != 2 {
		t.Errorf("counted %d panics, want 2", n)
	}
	order := make(chan int, 3)
	release := hold(t, r.Workers()[0])
	for i := range 3 {
		_ = r.Workers()[0].Post(func(*Worker) {
			order <- i
			if i == 1 {
				panic("the post's fault")
			}
		})
	}
	release()
	for i := range 3 {
		if got := within(t, "a post", order); got != i {
			t.Errorf("ran %d, want %d", got, i)
		}
	}
	send(t, good, frame(ws.OpText, "still there?"))
	expect(t, good, answer(ws.OpText, "still there?"))
	for _, s := range []string{"the handler's fault", "the post's fault", "TestPanics"} {
		if !j.has(s) {
			t.Errorf("the log does not have %q", s)
		}
	}
}

// quitter is a handler whose Closed panics.
type quitter struct{ *peer }

func (q quitter) Closed(c *Conn, why Reason) { q.peer.Closed(c, why); panic("in Closed") }

func TestPanicInClosed(t *testing.T) {
	r := start(t, Config{Workers: 1})
	h := quitter{newPeer(nil)}
	connect(t, r, h).Close()
	within(t, "Closed", h.closed)
	eventually(t, "the connection is forgotten", func() bool { return r.Connections() == 0 })
	connect(t, r, newPeer(echo))
}

// epolls are the descriptors that are epolls.
func epolls(t *testing.T) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for _, p := range paths {
		if target, err := os.Readlink(p); err == nil && strings.Contains(target, "eventpoll") {
			found[filepath.Base(p)] = true
		}
	}
	return found
}

// breakEpoll makes epoll fail for the worker whose epoll it is.
func breakEpoll(t *testing.T, fd int) {
	t.Helper()
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	if err := unix.Dup3(null, fd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
}

// TestWorkerFails ends one of two loops for real, in each way that there is,
// while clients of the other echo without a fault. Clients of the one are told
// with 1012, its handlers hear it once, what was posted runs, and it serves again.
func TestWorkerFails(t *testing.T) {
	f := func(name string, kill func(t *testing.T, r *Reactor, c net.Conn, epoll int)) {
		t.Run(name, func(t *testing.T) {
			var j journal
			before := epolls(t)
			r := start(t, Config{Workers: 2, Log: j.logger()})
			epoll := 1 << 30 // of worker 0, which was started first
			for name := range epolls(t) {
				if !before[name] {
					epoll = min(epoll, atoi(t, name))
				}
			}
			failed, told := connectTo(t, r, 0)
			well, served := connectTo(t, r, 1)
			stop, echoed := make(chan struct{}), make(chan int)
			go func() { echoed <- echoUntil(t, served, stop) }()
			kill(t, r, told, epoll)
			expect(t, told, answerClose(1012, "the worker is started again"))
			if why := within(t, "Closed", failed.closed); why != WorkerFailed {
				t.Errorf("closed with %s", why)
			}
			again(t, r)
			if n, err := told.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("after the close frame: %d, %v, want the end", n, err)
			}
			told.Close()
			eventually(t, "the old connections are forgotten", func() bool { return sockets(t, r.Workers()[0], true) == 0 })
			close(stop)
			if n := within(t, "the other worker's client", echoed); n == 0 {
				t.Error("the other worker's client echoed nothing")
			}
			if len(failed.closed) != 0 || len(well.closed) != 0 {
				t.Error("Closed was called once too often")
			}
			if n := number(r.config.Metrics, `tidegate_worker_restarts_total{worker="0"}`); n != 1 {
				t.Errorf("counted %d restarts, want 1", n)
			}
			if !j.has("its connections are closed with 1012") {
				t.Error("the log does not say it")
			}
		})
	}
	f("Goexit in a post", func(_ *testing.T, r *Reactor, _ net.Conn, _ int) {
		_ = r.Workers()[0].Post(func(*Worker) { runtime.Goexit() })
	})
	f("Goexit in a handler", func(t *testing.T, r *Reactor, c net.Conn, _ int) {
		on(t, r.Workers()[0], func(w *Worker) {
			for _, c := range w.conns {
				c.handler.(*peer).message = func(*Conn, []byte, bool) { runtime.Goexit() }
			}
		})
		send(t, c, frame(ws.OpText, "x"))
	})
	f("epoll", func(t *testing.T, r *Reactor, _ net.Conn, epoll int) {
		breakEpoll(t, epoll)
		_ = r.Workers()[0].Post(func(*Worker) {}) // have it look
	})
}

// connectTo is a client of an echo on the worker of that index.
func connectTo(t *testing.T, r *Reactor, index int) (*peer, *net.TCPConn) {
	t.Helper()
	for {
		h := newPeer(echo)
		c := connect(t, r, h)
		if within(t, "Open", h.conn).Worker().Index() == index {
			return h, c
		}
	}
}

// sockets is how many of a worker's sockets are open whose handlers know, or do
// not know, that they are Closed.
func sockets(t *testing.T, w *Worker, told bool) (n int) {
	t.Helper()
	on(t, w, func(w *Worker) {
		for _, c := range w.conns {
			if c.told == told {
				n++
			}
		}
	})
	return n
}

// again waits for worker 0 to serve again, and has it serve.
func again(t *testing.T, r *Reactor) {
	t.Helper()
	on(t, r.Workers()[0], func(*Worker) {})
	eventually(t, "Ready", func() bool { return r.Ready() == nil })
	_, c := connectTo(t, r, 0)
	send(t, c, frame(ws.OpText, "again"))
	expect(t, c, answer(ws.OpText, "again"))
}

// echoUntil exchanges messages until it is to stop, and returns how many.
func echoUntil(t *testing.T, c net.Conn, stop chan struct{}) (n int) {
	want := answer(ws.OpText, "tick")
	got := make([]byte, len(want))
	for {
		select {
		case <-stop:
			return n
		default:
		}
		if _, err := c.Write(frame(ws.OpText, "tick")); err != nil {
			t.Error("the other worker's client: ", err)
			return n
		}
		if _, err := io.ReadFull(c, got); err != nil || string(got) != string(want) {
			t.Errorf("the other worker's client: %q, %v", got, err)
			return n
		}
		n++
	}
}

func atoi(t *testing.T, s string) (n int) {
	t.Helper()
	for _, d := range s {
		n = 10*n + int(d-'0')
	}
	return n
}

// TestPostsSurvive: what was queued behind the function that ended the loop runs
// on the next loop, in order, adoptions too.
func TestPostsSurvive(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	release := hold(t, w)
	ran := make(chan int, 10)
	_ = w.Post(func(*Worker) { ran <- 0; runtime.Goexit() })
	for i := range 4 {
		_ = w.Post(func(*Worker) { ran <- i + 1 })
	}
	c := connect(t, r, newPeer(echo))
	release()
	for i := range 5 {
		if got := within(t, "a post", ran); got != i {
			t.Errorf("ran %d, want %d", got, i)
		}
	}
	send(t, c, frame(ws.OpText, "adopted"))
	expect(t, c, answer(ws.OpText, "adopted"))
}

// TestDownAndOver: a reactor can be shut down while its only worker is down, and
// adopts nothing meanwhile.
func TestDownAndOver(t *testing.T) {
	r := start(t, Config{Workers: 1})
	w := r.Workers()[0]
	// Its first end comes too soon after its start to be started again at once.
	_ = w.Post(func(*Worker) { runtime.Goexit() })
	eventually(t, "the worker is down", w.down.Load)
	if err := r.Ready(); err == nil || !strings.Contains(err.Error(), "worker 0 is down") {
		t.Errorf("Ready says %v", err)
	}
	server, client := pair(t)
	defer client.Close()
	defer server.Close()
	if err := r.Adopt(server, nil, newPeer(nil), false); !errors.Is(err, ErrDown) {
		t.Errorf("Adopt says %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Shutdown(ctx, 1001, ""); err != nil {
		t.Error(err)
	}
}

// TestStuck: a loop that is busy is reported, not started again.
func TestStuck(t *testing.T) {
	r := start(t, Config{Workers: 2})
	release := hold(t, r.Workers()[1])
	defer release()
	var err error
	eventually(t, "Ready names the worker", func() bool { err = r.Ready(); return err != nil })
	if !strings.Contains(err.Error(), "worker 1 is stuck") || strings.Contains(err.Error(), "worker 0") {
		t.Errorf("Ready says %v", err)
	}
	release()
	eventually(t, "Ready is content again", func() bool { return r.Ready() == nil })
	if n := number(r.config.Metrics, "tidegate_worker_restarts_total"); n != 0 {
		t.Errorf("%d restarts", n)
	}
}
