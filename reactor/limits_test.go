package reactor

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// descriptors are the highest open one and how many there are.
func descriptors(t *testing.T) (highest, count int) {
	t.Helper()
	entries, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		n, err := strconv.Atoi(filepath.Base(e))
		if err != nil {
			t.Fatal(err)
		}
		highest = max(highest, n)
	}
	return highest, len(entries)
}

// limitDescriptors lets no more than the given number of descriptors be opened
// until the returned function is called.
func limitDescriptors(t *testing.T, more int) (restore func()) {
	t.Helper()
	highest, _ := descriptors(t)
	taken := occupy(t, highest)
	n := taken[len(taken)-1] + 1 + more
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(n), Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		vacate(taken)
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNewWithoutDescriptors starts a reactor with one descriptor too few, and one
// more each time until it works: whatever the start failed at, all is undone.
func TestNewWithoutDescriptors(t *testing.T) {
	_, before := descriptors(t)
	failures := 0
	for more := range 50 {
		restore := limitDescriptors(t, more)
		r, err := New(Config{Workers: 2, PoolSize: 1})
		restore()
		if err == nil {
			if err := r.Shutdown(t.Context(), 1001, ""); err != nil {
				t.Error(err)
			}
			break
		}
		failures++
		eventually(t, "no descriptor is left", func() bool { _, n := descriptors(t); return n <= before })
	}
	if failures < 4 {
		t.Errorf("the start failed %d times: the limit did not bite", failures)
	}
}

// TestAdoptWithoutDescriptors: a connection that cannot be adopted is still the
// caller's, and works.
func TestAdoptWithoutDescriptors(t *testing.T) {
	r := start(t, Config{Workers: 1})
	server, client := pair(t)
	defer client.Close()
	defer server.Close()
	restore := limitDescriptors(t, 0)
	err := r.Adopt(server, nil, newPeer(nil), false)
	restore()
	if err == nil {
		t.Fatal("adopted without a descriptor")
	}
	if n := r.Connections(); n != 0 {
		t.Errorf("%d connections are counted, want 0", n)
	}
	send(t, server, []byte("sorry"))
	expect(t, client, []byte("sorry"))
}

// TestWorkerFailsWithBacklog: a client that has much waiting when its worker ends
// is closed, and the worker forgets it.
func TestWorkerFailsWithBacklog(t *testing.T) {
	r := start(t, Config{Workers: 1, SendBuffer: 1 << 20})
	h := newPeer(nil)
	connect(t, r, h) // and never reads
	conn := within(t, "Open", h.conn)
	f := NewFrame(make([]byte, 10_000), true)
	waits := 0
	eventually(t, "a backlog", func() bool {
		on(t, conn.Worker(), func(*Worker) {
			conn.Send(f)
			conn.flush()
			waits = conn.pending()
		})
		return waits > 100_000
	})
	began := time.Now()
	_ = conn.Worker().Post(func(*Worker) { runtime.Goexit() })
	if why := within(t, "Closed", h.closed); why != WorkerFailed {
		t.Errorf("closed with %s", why)
	}
	eventually(t, "the connection is forgotten", func() bool { return r.Connections() == 0 })
	if took := time.Since(began); took > r.config.CloseTimeout {
		t.Errorf("it took %s", took)
	}
}

// TestUnwatchable: a handler whose connection the engine cannot watch hears of it as of any
// other: Open, and then Closed.
func TestUnwatchable(t *testing.T) {
	r := start(t, Config{Workers: 1})
	server, client := pair(t)
	defer client.Close()
	h := newPeer(nil)
	w, err := r.place()
	if err != nil {
		t.Fatal(err)
	}
	on(t, w, func(w *Worker) {
		nc, err := engineConn(server)
		if err != nil {
			t.Error(err)
			return
		}
		c := &Conn{worker: w, nc: nc, fd: int32(descriptor(nc)), handler: h}
		nc.SetSession(c)
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Error(err)
			return
		}
		defer null.Close()
		if err := unix.Dup3(int(null.Fd()), int(c.fd), unix.O_CLOEXEC); err != nil { // which no epoll watches
			t.Error(err)
		}
		w.admit(c, nil)
	})
	within(t, "Open", h.conn)
	if why := within(t, "Closed", h.closed); why != ClientGone {
		t.Errorf("closed with %s", why)
	}
	eventually(t, "the connection is forgotten", func() bool { return r.Connections() == 0 })
}
