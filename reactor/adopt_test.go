package reactor

import (
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// TestAdoptBuffered: frames that came with the handshake are the first input,
// before what the socket brings.
func TestAdoptBuffered(t *testing.T) {
	r := start(t, Config{Workers: 1})
	server, client := pair(t)
	defer client.Close()
	send(t, client, join(frame(ws.OpText, "first")[7:], frame(ws.OpText, "second")))
	if err := r.Adopt(server, frame(ws.OpText, "first")[:7], newPeer(echo), false); err != nil {
		t.Fatal(err)
	}
	expect(t, client, join(answer(ws.OpText, "first"), answer(ws.OpText, "second")))
}

// TestAdoptBalance: many adoptions at once leave no worker with more than one
// connection more than another, and a worker that lost some gets the next.
func TestAdoptBalance(t *testing.T) {
	r := start(t, Config{Workers: 4})
	const each = 8
	peers := make([]*peer, 4*each)
	clients := make([]*net.TCPConn, len(peers))
	var all sync.WaitGroup
	for i := range peers {
		peers[i] = newPeer(nil)
		server, client := pair(t)
		clients[i] = client
		defer client.Close()
		all.Go(func() {
			if err := r.Adopt(server, nil, peers[i], false); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	on := make(map[*Worker][]int)
	for i, p := range peers {
		w := within(t, "Open", p.conn).Worker()
		on[w] = append(on[w], i)
	}
	for w, members := range on {
		if len(members) != each || w.Connections() != each {
			t.Errorf("worker %d has %d, and counts %d, want %d", w.Index(), len(members), w.Connections(), each)
		}
	}
	emptied := r.Workers()[2]
	for _, i := range on[emptied] {
		clients[i].Close()
	}
	eventually(t, "the worker is empty", func() bool { return emptied.Connections() == 0 })
	for range each {
		h := newPeer(nil)
		connect(t, r, h)
		if w := within(t, "Open", h.conn).Worker(); w != emptied {
			t.Errorf("went to worker %d, want the empty one", w.Index())
		}
	}
	if n := r.Connections(); n != 4*each {
		t.Errorf("%d connections in all, want %d", n, 4*each)
	}
}

// TestAdoptRefused: when the inbox is full the connection is still the caller's,
// and no count is left behind.
func TestAdoptRefused(t *testing.T) {
	r := start(t, Config{Workers: 1, Queue: 2})
	w := r.Workers()[0]
	release := hold(t, w)
	defer release()
	for w.TryPost(func(*Worker) {}) == nil {
	}
	server, client := pair(t)
	defer client.Close()
	if err := r.Adopt(server, nil, newPeer(nil), false); !errors.Is(err, ErrFull) {
		t.Fatalf("got %v, want ErrFull", err)
	}
	send(t, server, []byte("sorry"))
	expect(t, client, []byte("sorry"))
	server.Close()
	if n := r.Connections(); n != 0 {
		t.Errorf("%d connections are counted, want 0", n)
	}
}

// TestAdoptUnsuitable: what is not a plain TCP connection is refused, with advice.
func TestAdoptUnsuitable(t *testing.T) {
	r := start(t, Config{Workers: 1})
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if err := r.Adopt(a, nil, newPeer(nil), false); err == nil {
		t.Error("a pipe was adopted")
	}
	server, client := pair(t)
	defer client.Close()
	server.Close()
	if err := r.Adopt(server, nil, newPeer(nil), false); err == nil {
		t.Error("a closed connection was adopted")
	}
	if n := r.Connections(); n != 0 {
		t.Errorf("%d connections are counted, want 0", n)
	}
}

// TestAdoptSocket: no child process inherits the socket, and the kernel's buffers
// are as configured (it doubles them).
func TestAdoptSocket(t *testing.T) {
	r := start(t, Config{Workers: 1, SocketBuffer: 32 << 10})
	h := newPeer(nil)
	connect(t, r, h)
	conn := within(t, "Open", h.conn)
	f := func(level, option, want int) {
		t.Helper()
		if got, err := unix.GetsockoptInt(descriptor(conn.nc), level, option); got != want || err != nil {
			t.Errorf("option %d is %d (%v), want %d", option, got, err, want)
		}
	}
	f(unix.SOL_SOCKET, unix.SO_SNDBUF, 64<<10)
	f(unix.SOL_SOCKET, unix.SO_RCVBUF, 64<<10)
	f(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	for name, fd := range map[string]int{"connection": descriptor(conn.nc), "wake read": descriptor(r.workers[0].wake), "wake write": r.workers[0].inbox.wake} {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s: flags %d (%v), want close-on-exec", name, flags, err)
		}
	}
}

// TestDescriptors: connections and reactors that come and go leave no descriptor.
func TestDescriptors(t *testing.T) {
	round := func() {
		r, err := New(Config{Workers: 2, PoolSize: 1})
		if err != nil {
			t.Fatal(err)
		}
		h := newPeer(nil)
		server, client := pair(t)
		if err := r.Adopt(server, nil, h, false); err != nil {
			t.Fatal(err)
		}
		client.Close()
		within(t, "Closed", h.closed)
		if err := r.Shutdown(t.Context(), 1001, ""); err != nil {
			t.Fatal(err)
		}
	}
	round()
	_, before := descriptors(t)
	for range 5 {
		round()
	}
	// Earlier tests' sockets may be closed meanwhile, so fewer is no fault.
	eventually(t, "no descriptor more than before", func() bool { _, n := descriptors(t); return n <= before })
}
