package reactor

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gobwas/ws"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come; only a failure takes it.
const patience = 20 * time.Second

// eventually waits until ok is true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never came true: ", what)
		}
	}
}

// within waits for a value of a channel.
func within[T any](t testing.TB, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatal("never came: ", what)
	}
	return v
}

// start is a reactor that ends with the test, and must then end cleanly.
func start(t testing.TB, config Config) *Reactor {
	t.Helper()
	if config.PoolSize == 0 {
		config.PoolSize = 2
	}
	r, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.Shutdown(ctx, ws.StatusGoingAway, ""); err != nil && err != ErrClosed {
			t.Error("Shutdown:", err)
		}
	})
	return r
}

// pair is both ends of a TCP connection.
func pair(t testing.TB) (server, client *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	return s.(*net.TCPConn), c.(*net.TCPConn)
}

// connect is a client of a connection that was adopted.
func connect(t testing.TB, r *Reactor, h Handler) *net.TCPConn {
	t.Helper()
	server, client := pair(t)
	if err := r.Adopt(server, nil, h, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// peer is a handler that is made of functions, and says what it was told.
type peer struct {
	open    func(c *Conn)
	message func(c *Conn, payload []byte, binary bool)
	prepare func(payload []byte) any // of texts
	drained func(c *Conn)
	due     func(*Conn)

	conn   chan *Conn  // from Open
	closed chan Reason // from Closed
}

func newPeer(message func(c *Conn, payload []byte, binary bool)) *peer {
	return &peer{message: message, conn: make(chan *Conn, 1), closed: make(chan Reason, 8)}
}

func (p *peer) Open(c *Conn) {
	p.conn <- c
	if p.open != nil {
		p.open(c)
	}
}

func (p *peer) Message(c *Conn, payload []byte, binary bool) {
	if p.message != nil {
		p.message(c, payload, binary)
	}
}

func (p *peer) Prepare(binary bool) func([]byte) any {
	if binary {
		return nil
	}
	return p.prepare
}

func (p *peer) Drained(c *Conn) {
	if p.drained != nil {
		p.drained(c)
	}
}

func (p *peer) Due(c *Conn) {
	if p.due != nil {
		p.due(c)
	}
}

func (p *peer) Closed(_ *Conn, why Reason) { p.closed <- why }

// echo answers a message with itself.
func echo(c *Conn, payload []byte, binary bool) { c.Send(NewFrame(payload, binary)) }

// frame is a client's frame: masked, final unless told otherwise.
func frame(op ws.OpCode, payload string) []byte { return piece(op, true, payload) }

func piece(op ws.OpCode, fin bool, payload string) []byte {
	f := ws.NewFrame(op, fin, []byte(payload))
	return ws.MustCompileFrame(ws.MaskFrameWith(f, [4]byte{0x37, 0xfa, 0x21, 0x3d}))
}

// bye is a client's close frame.
func bye(code ws.StatusCode, text string) []byte {
	return frame(ws.OpClose, string(ws.NewCloseFrameBody(code, text)))
}

// answer is a server's frame.
func answer(op ws.OpCode, payload string) []byte {
	return ws.MustCompileFrame(ws.NewFrame(op, true, []byte(payload)))
}

func answerClose(code ws.StatusCode, text string) []byte {
	return answer(ws.OpClose, string(ws.NewCloseFrameBody(code, text)))
}

// join puts frames behind each other.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// send writes all of b.
func send(t testing.TB, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal("client write: ", err)
	}
}

// expect reads exactly want.
func expect(t testing.TB, c net.Conn, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %x (%v), want %x", got[:n], err, want)
	}
}

// on runs f on the worker's loop and waits for it.
func on(t testing.TB, w *Worker, f func(*Worker)) {
	t.Helper()
	done := make(chan struct{})
	if err := w.Post(func(w *Worker) { defer close(done); f(w) }); err != nil {
		t.Fatal("Post: ", err)
	}
	within(t, "a posted function", done)
}

// number is the value of a metric, or of the sum of those that begin like it.
func number(set *metrics.Set, name string) (sum int) {
	for _, n := range set.ListMetricNames() {
		if strings.HasPrefix(n, name) {
			sum += int(set.GetOrCreateCounter(n).Get())
		}
	}
	return sum
}

// journal is a log that a test can read.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) has(s string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.text.String(), s)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }
