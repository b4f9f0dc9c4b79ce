// Package tlsconn is TLS on the gateway's listeners, for those who have no balancer that
// ends it. A worker's loop knows plain sockets only; so a WebSocket over TLS has two
// goroutines that decrypt and encrypt between the client and one end of a connection
// within this machine, of which the loop has the other. Nothing but this room knows of it.
package tlsconn

import (
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// Config is what a listener is told once, by value.
type Config struct {
	Buffer  int           // the kernel's send buffer per connection
	Timeout time.Duration // a client that takes nothing for so long is cut off
}

// Listener is a net.Listener whose connections speak TLS, 1.2 or later. The handshake is
// made by who first reads or writes, under its deadlines; until then a connection is a
// socket and no buffer.
type Listener struct {
	net.Listener
	Config
	certificate *Certificate
	tls         *tls.Config
}

// Listen has connections of l speak TLS with the certificate that is in force.
func (c *Certificate) Listen(l net.Listener, config Config) *Listener {
	return &Listener{Listener: l, Config: config, certificate: c, tls: c.config()}
}

// Accept returns the next connection, of whose handshake nothing is done yet.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if b, ok := c.(interface{ SetWriteBuffer(int) error }); ok {
		_ = b.SetWriteBuffer(l.Buffer)
	}
	return &conn{Conn: c, listener: l}, nil
}

// conn is one connection.
type conn struct {
	net.Conn
	listener *Listener
	once     sync.Once
	tls      *tls.Conn
	loop     *net.TCPConn // the loop's end, if there is one
}

// secured is the connection's TLS.
func (c *conn) secured() *tls.Conn {
	c.once.Do(func() { c.tls = tls.Server(c.Conn, c.listener.tls) })
	return c.tls
}

// NetConn is what TLS is spoken over, as tls.Conn has it. Whoever reads from it spoils it.
func (c *conn) NetConn() net.Conn { return c.Conn }

func (c *conn) Read(p []byte) (int, error)  { return c.secured().Read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.secured().Write(p) }

// Close says goodbye and closes, the relay too.
func (c *conn) Close() error {
	if c.loop != nil {
		_ = c.loop.Close() // it is closed already if the loop has taken it
	}
	return c.secured().Close()
}
