package door

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// closed waits until the door has closed a connection, without an answer.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	if b, err := io.ReadAll(c); len(b) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %q, %v; want it closed without an answer", b, err)
	}
}

// begun is the beginning of a request, and the rest of it.
const begun, rest = "GET / HTTP/1.1\r\nHost", ": a\r\n\r\n"

func nothing(http.ResponseWriter, *http.Request) {}

// TestSilent: many more than there are places say nothing, or say it slowly, and others are
// served at once; so are they when they have said it.
func TestSilent(t *testing.T) {
	c := usual()
	c.Places = 1
	o := open(t, c, nothing)
	var slow []net.Conn
	for range 20 {
		o.knockFrom("127.0.0.2", "")
		slow = append(slow, o.knockFrom("127.0.0.2", begun))
	}
	o.silent(40)
	for range 5 {
		o.wants(o.knock(request), http.StatusOK)
	}
	o.silent(40)
	if n := o.door.counts.slow.Get(); n != 0 {
		t.Errorf("%d of them had a place", n)
	}
	for i := range rest {
		_, _ = io.WriteString(slow[0], rest[i:i+1])
	}
	o.wants(slow[0], http.StatusOK)
	_, _ = io.WriteString(slow[1], rest)
	o.wants(slow[1], http.StatusOK)
	o.silent(38)
}

// TestLongHeader: a header that is too long for any answer but one is not waited for.
func TestLongHeader(t *testing.T) {
	c := usual()
	c.Places, c.HeaderBytes = 1, 1<<10
	o := open(t, c, nothing)
	o.wants(o.knock(begun+": "+strings.Repeat("a", c.HeaderBytes+slop)), http.StatusRequestHeaderFieldsTooLarge)
	o.until("inside", 0, func() int { return len(o.door.inside) }) // the server waits before it closes
}

// TestSilentTooLong: nobody is silent for ever, at the door or in the queue.
func TestSilentTooLong(t *testing.T) {
	c := usual()
	c.Places, c.Wait = 1, 50*time.Millisecond
	o := open(t, c, nothing)
	closed(t, o.knock(begun))
	gate, entered := make(chan struct{}), make(chan struct{}, 10)
	p := open(t, c, func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-gate
	})
	first := p.knock(request)
	<-entered
	closed(t, p.knock(""))
	close(gate)
	p.wants(first, http.StatusOK)
	if a, b := o.door.counts.silent.Get(), p.door.counts.silent.Get(); a != 1 || b != 1 {
		t.Errorf("counted %d and %d, want 1 each", a, b)
	}
}

// TestBout: of those who are late together some are closed at a time, the longest first, and
// the door looks again soon for the rest, or when the next one is due.
func TestBout(t *testing.T) {
	c := usual()
	c.Places = 1
	o := open(t, c, nothing)
	var all []net.Conn
	for range 2*bout + 1 {
		all = append(all, o.knock(begun))
		o.silent(len(all)) // so that they come in this order
	}
	d, late := o.door, time.Now().Add(c.Wait)
	look := func(at time.Time, left int, soon bool) {
		t.Helper()
		again, any := d.look(at)
		if n := d.count(d.silent.len); n != left || any != (left > 0) || (again == trickle) != soon {
			t.Errorf("%d are left, %t, and it looks again in %v; want %d", n, any, again, left)
		}
	}
	look(late.Add(-c.Wait), 2*bout+1, false)
	look(late, bout+1, true)
	closed(t, all[0])
	look(late, 1, true)
	closed(t, all[2*bout-1])
	look(late, 0, false)
	if n := d.counts.silent.Get(); n != 2*bout+1 {
		t.Errorf("%d were counted, want %d", n, 2*bout+1)
	}
}

// TestHalf: while nobody is silent half of the places are given unseen, and no more, so that
// others are served.
func TestHalf(t *testing.T) {
	c := usual()
	o := open(t, c, nothing)
	for range 2 * c.Places {
		o.knock("")
	}
	o.silent(2*c.Places - c.Places/2)
	o.wants(o.knock(request), http.StatusOK)
}

// TestHangUp: who goes away before it has said all is forgotten.
func TestHangUp(t *testing.T) {
	c := usual()
	c.Places = 1
	o := open(t, c, func(http.ResponseWriter, *http.Request) { t.Error("a request of nobody") })
	all := []net.Conn{o.knock(""), o.knock(begun)}
	o.silent(2)
	for _, c := range all {
		c.Close()
	}
	o.silent(0)
	if n := o.door.counts.silent.Get() + o.door.counts.evicted.Get(); n != 0 {
		t.Errorf("%d are counted", n)
	}
}

// TestFullOfSilent: whoever finds no room takes that of somebody silent, of one from its
// own address first, or else of who is there the longest.
func TestFullOfSilent(t *testing.T) {
	c := usual()
	c.Places, c.Queue = 1, 3
	o := open(t, c, nothing)
	come := func(address string, n int) net.Conn {
		t.Helper()
		c := o.knockFrom(address, "")
		o.silent(n)
		return c
	}
	other := come("127.0.0.3", 1)
	one := come("127.0.0.2", 2)
	two := come("127.0.0.2", 3)
	o.knockFrom("127.0.0.2", begun)
	closed(t, one)
	o.knockFrom("127.0.0.4", begun)
	closed(t, other)
	if n := o.door.counts.evicted.Get(); n != 2 {
		t.Errorf("%d are counted, want 2", n)
	}
	_, _ = io.WriteString(two, request)
	o.wants(two, http.StatusOK)
}

// TestQueueOfSilent: whoever was not listened to when it came, since all places were taken,
// makes room too.
func TestQueueOfSilent(t *testing.T) {
	c := usual()
	c.Places, c.Queue = 1, 2
	gate, entered := make(chan struct{}), make(chan struct{}, 10)
	o := open(t, c, func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-gate
	})
	all := []net.Conn{o.knock(request)}
	<-entered
	all = append(all, o.knock(request))
	o.queued(1)
	silent := o.knock("")
	o.queued(2)
	all = append(all, o.knock(request))
	closed(t, silent)
	o.wants(o.knock(request), http.StatusServiceUnavailable)
	close(gate)
	for _, c := range all {
		o.wants(c, http.StatusOK)
	}
}

// TestNoQueue: where nobody may wait, whoever has said nothing yet holds a place.
func TestNoQueue(t *testing.T) {
	c := usual()
	c.Places, c.Queue = 1, 0
	o := open(t, c, nothing)
	first := o.knock("")
	o.until("inside", 1, func() int { return len(o.door.inside) })
	o.wants(o.knock(request), http.StatusServiceUnavailable)
	_, _ = io.WriteString(first, request)
	o.wants(first, http.StatusOK)
}

// TestRate: who comes faster than the rate waits, and comes in when it is time.
func TestRate(t *testing.T) {
	c := usual()
	c.PerSecond = 1000
	o := open(t, c, nothing)
	set := func(next time.Time) {
		o.door.mu.Lock()
		defer o.door.mu.Unlock()
		o.door.pace.next = next
	}
	set(time.Now().Add(time.Hour))
	early := o.knock(request)
	o.queued(1)
	set(time.Now())
	o.wants(early, http.StatusOK)
}

// short is a listener whose process has no descriptor left, once in a while.
type short struct {
	net.Listener
	next atomic.Bool // the next connection finds none
	held net.Conn
}

func (l *short) Accept() (net.Conn, error) {
	if c := l.held; c != nil {
		l.held = nil
		return c, nil
	}
	c, err := l.Listener.Accept()
	if err == nil && l.next.CompareAndSwap(true, false) {
		l.held = c
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return c, err
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestNoDescriptors: when there are none, those who are silent give theirs, and the log
// says it, once.
func TestNoDescriptors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, log := usual(), new(lines)
	c.Places = 1
	c.Log = slog.New(slog.NewTextHandler(log, nil))
	double := &short{Listener: l}
	o := openOn(t, double, c, nothing)
	silent := []net.Conn{o.knock(""), o.knock(begun)}
	o.silent(2)
	for range 2 { // the second time nobody is silent
		double.next.Store(true)
		o.wants(o.knock(request), http.StatusOK)
	}
	for _, c := range silent {
		closed(t, c)
	}
	if n := o.door.counts.evicted.Get(); n != 2 {
		t.Errorf("%d are counted, want 2", n)
	}
	if n := strings.Count(log.String(), "raise the limit on open files"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log)
	}
}

// pipes is a listener of connections that nothing is known of but by reading.
type pipes struct{ coming chan net.Conn }

func (l pipes) Accept() (net.Conn, error) {
	if c, ok := <-l.coming; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l pipes) Close() error   { close(l.coming); return nil }
func (l pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestPipes: where it is not known who is silent, all hold places, for as long as patience
// lasts.
func TestPipes(t *testing.T) {
	c := usual()
	c.Places, c.Patience = 1, 20*time.Millisecond
	l := pipes{make(chan net.Conn)}
	o := openOn(t, l, c, nothing)
	knock := func() net.Conn {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { ours.Close() })
		_ = ours.SetDeadline(time.Now().Add(patience))
		l.coming <- theirs
		return ours
	}
	silent, good := knock(), knock()
	for _, c := range []net.Conn{good, silent} {
		go func() { _, _ = io.WriteString(c, request) }()
		o.wants(c, http.StatusOK)
	}
	if o.door.counts.slow.Get() == 0 {
		t.Error("no place was taken away: the test shows nothing")
	}
}
