package door

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// house is a door with an HTTP server behind it.
type house struct {
	t      *testing.T
	door   *Door
	server *http.Server
	served chan struct{}
}

func open(t *testing.T, c Config, h http.HandlerFunc) *house {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return openOn(t, l, c, h)
}

// openOn is open with a listener of the test's own.
func openOn(t *testing.T, l net.Listener, c Config, h http.HandlerFunc) *house {
	t.Helper()
	if c.Busy == nil {
		c.Busy = func() bool { return false }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Metrics = metrics.NewSet()
	d, err := New(l, c)
	if err != nil {
		t.Fatal(err)
	}
	o := &house{t: t, door: d, served: make(chan struct{})}
	o.server = &http.Server{Handler: h, ConnState: o.door.ConnState, MaxHeaderBytes: c.HeaderBytes, ReadHeaderTimeout: c.Wait}
	go func() {
		defer close(o.served)
		_ = o.server.Serve(o.door)
	}()
	t.Cleanup(func() {
		_ = o.server.Close()
		<-o.served
	})
	return o
}

// usual is a config that nothing of bites.
func usual() Config {
	return Config{Places: 4, Queue: 10_000, Wait: patience, Patience: patience, HeaderBytes: 16 << 10}
}

// knock opens a connection and says what it is told.
func (o *house) knock(text string) net.Conn { return o.knockFrom("127.0.0.1", text) }

// knockFrom is knock from an address of this machine.
func (o *house) knockFrom(address, text string) net.Conn {
	o.t.Helper()
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	c, err := d.Dial("tcp", o.door.Addr().String())
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, text); err != nil {
		o.t.Fatal(err)
	}
	return c
}

// until waits for something of the door's to be so.
func (o *house) until(what string, want int, of func() int) {
	o.t.Helper()
	for late := time.Now().Add(patience); o.door.count(of) != want; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			o.t.Fatalf("%s: %d, want %d", what, o.door.count(of), want)
		}
	}
}

// silent and queued wait until so many are.
func (o *house) silent(n int) {
	o.t.Helper()
	o.until("silent", n, func() int { return o.door.silent.len() })
}
func (o *house) queued(n int) {
	o.t.Helper()
	o.until("in the queue", n, func() int { return o.door.queue.len() })
}

const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// answer reads the status of an answer, and its Retry-After.
func answer(t *testing.T, c net.Conn) (status int, after string) {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		t.Errorf("the answer's body: %v", err)
	}
	return r.StatusCode, r.Header.Get("Retry-After")
}

func (o *house) wants(c net.Conn, status int) {
	o.t.Helper()
	if got, _ := answer(o.t, c); got != status {
		o.t.Errorf("got %d, want %d", got, status)
	}
}

// TestAllGetIn: many more than there are places come at once, and all are served, no
// more at a time than there are places.
func TestAllGetIn(t *testing.T) {
	const all = 1000
	c := usual()
	var mu sync.Mutex
	inside, most := 0, 0
	step := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		inside += n
		most = max(most, inside)
	}
	o := open(t, c, func(http.ResponseWriter, *http.Request) {
		step(1)
		time.Sleep(time.Millisecond)
		step(-1)
	})
	conns := make([]net.Conn, all)
	for i := range conns {
		conns[i] = o.knock(request)
	}
	for _, c := range conns {
		o.wants(c, http.StatusOK)
	}
	if most > c.Places || most == 0 {
		t.Errorf("%d were served at a time, want at most %d", most, c.Places)
	}
	if o.door.counts.waited.Get() == 0 {
		t.Error("nobody waited: the test shows nothing")
	}
}

// TestFull: who finds the queue full is told so, and those in it are served.
func TestFull(t *testing.T) {
	c := usual()
	c.Places, c.Queue = 1, 2
	gate, begun := make(chan struct{}), make(chan struct{}, 10)
	o := open(t, c, func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-gate
	})
	first := o.knock(request)
	<-begun
	second := o.knock(request)
	third := o.knock(request)
	o.queued(2)
	if status, after := answer(t, o.knock(request)); status != http.StatusServiceUnavailable || after == "" {
		t.Errorf("over the queue: %d, Retry-After %q", status, after)
	}
	if n := o.door.counts.refused.Get(); n != 1 {
		t.Errorf("%d refusals are counted", n)
	}
	close(gate)
	for _, c := range []net.Conn{first, second, third} {
		o.wants(c, http.StatusOK)
	}
}

// TestWaitsTooLong: nobody waits for ever.
func TestWaitsTooLong(t *testing.T) {
	c := usual()
	c.Places, c.Wait, c.Patience = 1, 50*time.Millisecond, patience
	gate, begun := make(chan struct{}), make(chan struct{}, 10)
	o := open(t, c, func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-gate
	})
	first := o.knock(request)
	<-begun
	o.wants(o.knock(request), http.StatusServiceUnavailable)
	close(gate)
	o.wants(first, http.StatusOK)
}

// TestSlow: clients whose requests take long do not keep others out for long, also when
// nobody was there before.
func TestSlow(t *testing.T) {
	c := usual()
	c.Places, c.Patience = 1, 20*time.Millisecond
	gate := make(chan struct{})
	o := open(t, c, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-gate
		}
	})
	o.until("awake", 0, func() int {
		if o.door.awake {
			return 1
		}
		return 0
	})
	slow := make([]net.Conn, 3)
	for i := range slow {
		if i == 1 { // the first is noticed though nobody else comes
			o.until("slow", 1, func() int { return int(o.door.counts.slow.Get()) })
		}
		slow[i] = o.knock("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	o.wants(o.knock(request), http.StatusOK)
	if o.door.counts.slow.Get() == 0 {
		t.Error("no place was taken away: the test shows nothing")
	}
	close(gate)
	for _, c := range slow { // they were not forgotten
		o.wants(c, http.StatusOK)
	}
}

// TestIdle: a connection that is kept alive holds no place between its requests, and
// neither does one that was hijacked.
func TestIdle(t *testing.T) {
	c := usual()
	c.Places = 1
	o := open(t, c, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/hijack" {
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { conn.Close() })
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
	})
	kept := o.knock(request)
	o.wants(kept, http.StatusOK)
	hijacked := o.knock("GET /hijack HTTP/1.1\r\nHost: a\r\n\r\n")
	o.wants(hijacked, http.StatusSwitchingProtocols)
	o.wants(o.knock(request), http.StatusOK)
	if _, err := io.WriteString(kept, request); err != nil {
		t.Fatal(err)
	}
	o.wants(kept, http.StatusOK)
	if n := o.door.counts.slow.Get(); n != 0 {
		t.Errorf("%d places had to be taken away", n)
	}
}

// TestBusy: while those inside are served late, others come in all the same.
func TestBusy(t *testing.T) {
	c := usual()
	c.Busy = func() bool { return true }
	o := open(t, c, func(http.ResponseWriter, *http.Request) {})
	conns := make([]net.Conn, 50)
	for i := range conns {
		conns[i] = o.knock(request)
	}
	for _, c := range conns {
		o.wants(c, http.StatusOK)
	}
	if n := o.door.counts.waited.Get(); n != uint64(len(conns)) {
		t.Errorf("%d waited, want all %d", n, len(conns))
	}
}

// TestCloseWithWaiters: at the end those who wait are told, and no goroutine stays.
func TestCloseWithWaiters(t *testing.T) {
	c := usual()
	c.Places = 1
	gate, begun := make(chan struct{}), make(chan struct{}, 10)
	o := open(t, c, func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-gate
	})
	silent := o.knock("GET / HTTP/1.1\r\n")
	o.silent(1)
	first := o.knock(request)
	<-begun
	waiting := o.knock(request)
	unheard := o.knock("GET / HTTP/1.1\r\n")
	o.queued(2)
	if err := o.door.Close(); err != nil {
		t.Fatal(err)
	}
	o.wants(waiting, http.StatusServiceUnavailable)
	o.wants(silent, http.StatusServiceUnavailable)
	o.wants(unheard, http.StatusServiceUnavailable)
	close(gate)
	o.wants(first, http.StatusOK)
	if err := o.door.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}
