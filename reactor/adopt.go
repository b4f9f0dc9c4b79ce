package reactor

import (
	"fmt"
	"net"

	"github.com/lesismal/nbio"
)

// Adopt gives a connection whose handshake is done, the 101 included, to the
// worker that has the fewest. It is called on the goroutine of the handshake,
// which may end afterwards, and does not wait. buffered is what was read beyond
// the handshake: frames that came with it; the reactor owns it from then on.
// deflate says that the handshake agreed on permessage-deflate, without context
// takeover in either direction (RFC 7692 section 7.1.1) and with windows of 32 KiB
// from us: server_max_window_bits cannot be kept, and must have been declined.
// After nil the connection is the reactor's, and h is called on the worker's
// loop. After an error it is still the caller's, to answer and close: ErrFull,
// ErrDown and ErrClosed say that the reactor has no room for it now. conn must
// be a *net.TCPConn, or layers over one (see socket), whose RemoteAddr is then the
// connection's.
func (r *Reactor) Adopt(conn net.Conn, buffered []byte, h Handler, deflate bool) error {
	client := conn.RemoteAddr()
	conn, buffered = socket(conn, buffered)
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return fmt.Errorf("reactor: adopt: a %T is not a plain TCP connection; let a proxy in front of the gateway end TLS", conn)
	}
	w, err := r.place()
	if err != nil {
		return err
	}
	if err := w.adopt(tcp, client, buffered, h, deflate); err != nil {
		w.connections.Add(-1)
		r.connections.Done()
		return err
	}
	return nil
}

// place chooses the worker with the fewest connections and counts one more for it
// at once, so that many adoptions at the same time spread.
func (r *Reactor) place() (*Worker, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return nil, ErrClosed
	}
	var fewest *Worker
	for _, w := range r.workers {
		if !w.down.Load() && (fewest == nil || w.Connections() < fewest.Connections()) {
			fewest = w
		}
	}
	if fewest == nil {
		return nil, ErrDown
	}
	fewest.connections.Add(1)
	r.connections.Add(1)
	return fewest, nil
}

// adopt is Adopt on one worker. Whether there is room is asked before the
// connection is converted, because afterwards it can no longer be given back; so
// the inbox may hold as many adoptions more than its limit as run at once.
func (w *Worker) adopt(conn *net.TCPConn, client net.Addr, buffered []byte, h Handler, deflate bool) error {
	if w.inbox.depth() >= w.config.Queue {
		w.inbox.full.Inc()
		return ErrFull
	}
	if err := w.setOptions(conn); err != nil {
		return fmt.Errorf("reactor: adopt: %w", err)
	}
	nc, err := engineConn(conn)
	if err != nil {
		return fmt.Errorf("reactor: adopt: %w", err)
	}
	setAddr(nc.RemoteAddr(), client)
	c := &Conn{worker: w, nc: nc, fd: int32(descriptor(nc)), handler: h, in: reader{deflates: deflate}}
	nc.SetSession(c)
	if err := w.inbox.must(func(w *Worker) { w.admit(c, buffered) }); err != nil {
		_ = nc.Close()
		return err
	}
	return nil
}

// setOptions sizes the kernel's buffers. The send buffer is what hides a slow
// reader from us, the receive buffer what must fit the engine's reads.
func (w *Worker) setOptions(conn *net.TCPConn) error {
	if err := conn.SetNoDelay(true); err != nil {
		return err
	}
	if err := conn.SetWriteBuffer(w.config.SocketBuffer); err != nil {
		return err
	}
	return conn.SetReadBuffer(min(w.config.SocketBuffer, maxReceive))
}

// admit is an adoption's second half, on the loop.
func (w *Worker) admit(c *Conn, buffered []byte) {
	c.heard = w.sweep.beat
	c.index = int32(len(w.conns))
	w.conns = append(w.conns, c)
	if !w.register(c.nc) {
		c.opened() // since what was counted for it until then is given back when it is closed
		c.finish(ClientGone)
		return
	}
	c.opened()
	if w.farewell != nil {
		c.Close(w.farewell.code, w.farewell.text, Shutdown)
	}
	if len(buffered) > 0 {
		c.receive(buffered)
	}
}

// opened calls the handler's Open.
func (c *Conn) opened() {
	defer c.contain()
	c.handler.Open(c)
}

// register has the engine watch a socket. It fails, and then nbio has closed the
// socket, when the kernel has no room for the watch or the socket's number is
// over the limit of open files.
func (w *Worker) register(nc *nbio.Conn) bool {
	_, err := w.engine.AddConn(nc)
	if err != nil {
		w.log.Error("a connection was dropped: the engine cannot watch its socket; raise the limits on open files (ulimit -n) and on epoll watches (fs.epoll.max_user_watches)", "error", err)
	}
	return err == nil
}
