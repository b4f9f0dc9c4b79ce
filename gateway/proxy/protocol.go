package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/pires/go-proxyproto"
)

// Protocol is how the PROXY protocol is spoken on a listener.
type Protocol struct {
	Timeout time.Duration // for the header to come
	Log     *slog.Logger
	Metrics *metrics.Set
}

// Listener has connections of trusted peers begin with a header of the PROXY protocol, of
// version 1 or 2, and come from whom it names. It must be there: to guess whether it is
// would let clients write one. Others are as they were, so a header from them is no HTTP.
//
// Accept does not read: the header is read by who first asks for the address or reads,
// on the connection's own goroutine, and until then a connection is a socket and no buffer.
func (t *Trust) Listener(l net.Listener, p Protocol) net.Listener {
	return &listener{Listener: l, trust: t, Protocol: p, failed: p.Metrics.NewCounter(`app_errors_total{reason="proxy_protocol"}`)}
}

type listener struct {
	net.Listener
	Protocol
	trust  *Trust
	failed *metrics.Counter
	said   sync.Once // that a header did not come
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	peer, isTCP := c.RemoteAddr().(*net.TCPAddr)
	if !isTCP || l.trust == nil || !l.trust.trusts(peer.AddrPort().Addr().Unmap()) {
		return c, nil
	}
	return &conn{Conn: c, listener: l}, nil
}

// conn is one of a trusted peer. Reading and RemoteAddr are for one goroutine at a time.
type conn struct {
	net.Conn
	listener *listener
	begun    sync.Once // guards the header
	client   net.Addr  // what it says, or nil
	unread   []byte    // that came with it
	err      error     // instead of it
}

// RemoteAddr is the client's address. The first call reads the header, and waits for it no
// longer than Protocol.Timeout. Without a header it is the peer's, and Read fails.
func (c *conn) RemoteAddr() net.Addr {
	c.begun.Do(func() {
		_ = c.SetReadDeadline(time.Now().Add(c.listener.Timeout))
		c.begin()
		_ = c.SetReadDeadline(time.Time{})
		c.complain()
	})
	if c.client == nil {
		return c.Conn.RemoteAddr()
	}
	return c.client
}

// Read reads what comes after the header. Deadlines are the caller's.
func (c *conn) Read(p []byte) (int, error) {
	c.begun.Do(c.begin)
	if c.err != nil {
		return 0, c.err
	}
	if len(c.unread) > 0 {
		n := copy(p, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// SetWriteBuffer is the socket's.
func (c *conn) SetWriteBuffer(n int) error { return c.Conn.(*net.TCPConn).SetWriteBuffer(n) }

// NetConn is the connection with its header, as far as that was not read. Whoever reads
// from it spoils it.
func (c *conn) NetConn() net.Conn { return c.Conn }

// Under returns the connection without the header, and what was read from it that no
// Read has returned. The caller owns both from then on.
func (c *conn) Under() (net.Conn, []byte) {
	c.begun.Do(c.begin)
	unread := c.unread
	c.unread = nil
	return c.Conn, unread
}

// readers are the buffers of headers that are being read.
var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

// errNothing is a peer that closes without a word, as health checks of TCP do.
var errNothing = errors.New("nothing was sent")

// begin reads the header. A connection that the proxy makes for itself (LOCAL), or whose
// client it does not know (UNKNOWN), comes from the proxy.
func (c *conn) begin() {
	r := readers.Get().(*bufio.Reader)
	r.Reset(c.Conn)
	header, err := c.header(r)
	if err == nil {
		if from, _, ok := header.TCPAddrs(); ok && header.Command == proxyproto.PROXY {
			client := from.AddrPort()
			c.client = net.TCPAddrFromAddrPort(netip.AddrPortFrom(client.Addr().Unmap(), client.Port()))
		}
		ahead, _ := r.Peek(r.Buffered())
		c.unread = bytes.Clone(ahead)
	}
	c.err = err
	r.Reset(nil)
	readers.Put(r)
}

// header reads the header.
func (c *conn) header(r *bufio.Reader) (*proxyproto.Header, error) {
	if _, err := r.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errNothing
	}
	header, err := proxyproto.Read(r)
	if err != nil {
		return nil, fmt.Errorf("no header of the PROXY protocol: %w", err)
	}
	return header, nil
}

// complain counts a header that did not come, and says what to do about it once, since
// the next connection will be the same.
func (c *conn) complain() {
	if c.err == nil || errors.Is(c.err, errNothing) {
		return
	}
	l := c.listener
	l.failed.Inc()
	l.Log.Debug("a connection of a trusted proxy was refused", "address", c.Conn.RemoteAddr().String(), slog.Any("error", c.err))
	l.said.Do(func() {
		l.Log.Warn("a trusted proxy does not speak the PROXY protocol: have it do so (HAProxy: send-proxy-v2), or set proxies.protocol to false",
			"address", c.Conn.RemoteAddr().String(), slog.Any("error", c.err))
	})
}
