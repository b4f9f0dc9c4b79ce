package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/gobwas/ws"
)

const (
	// handshakeTimeout bounds one connection's way from SYN to its last join.
	handshakeTimeout = 30 * time.Second
	// perSource is how many connections leave from one loopback address: fewer than
	// the kernel has ports to one destination.
	perSource = 20_000
	// joinFrameLimit bounds what the server may say before the joins are acked.
	joinFrameLimit = 64 << 10
)

// Reply is what of a server's frame the harness looks at beside messages. Only
// joins and failures are decoded with it; the acks of a loaded server are read by
// quickAck.
type Reply struct {
	Type    string `json:"type"`
	AckID   uint64 `json:"ackId"`
	Success bool   `json:"success"`
	Message string `json:"message"`
	Error   struct {
		Name    string `json:"name"`
		Message string `json:"message"`
	} `json:"error"`
}

// dial opens connection id and joins its groups. It waits for the server, at most
// handshakeTimeout.
func dial(ctx context.Context, p Plan, id int) (*Conn, error) {
	c := newConn(p.Layout(), id)
	names := p.Names(id)
	if err := c.connect(ctx, p, id, names); err != nil {
		return nil, err
	}
	c.firstAck = uint64(len(names)) + 1
	return c, nil
}

// connect opens the socket as connection id, joins the groups and hands the socket
// over to our own poller. It waits for the server, at most handshakeTimeout.
func (s *Socket) connect(ctx context.Context, p Plan, id int, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn, buffered, err := upgrade(ctx, p, id)
	if err != nil {
		return err
	}
	defer conn.Close() // what stays open is the duplicate that adopt makes
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	// Without a buffer each frame is read in pieces, at a system call each. That is
	// dear, and leaves in the socket what belongs to the loop.
	var r io.Reader = conn
	if buffered != nil {
		r = buffered
	}
	if err := join(conn, r, names); err != nil {
		return err
	}
	if buffered != nil {
		rest, _ := buffered.Peek(buffered.Buffered())
		s.in = append(s.in, rest...)
		ws.PutReader(buffered)
	}
	return s.adopt(conn)
}

// upgrade connects and shakes hands. The reader holds what the server said at
// once, and is nil if that was nothing.
func upgrade(ctx context.Context, p Plan, id int) (net.Conn, *bufio.Reader, error) {
	var status error
	d := ws.Dialer{
		NetDial: p.shrink(source(id), id).DialContext,
		// The dialer's own error keeps the code and drops the reason.
		OnStatusError: func(code int, reason []byte, _ io.Reader) {
			status = statusError(code, string(reason))
		},
	}
	if !p.Plain() {
		d.Protocols = []string{p.Protocol()}
	}
	if p.Token != "" {
		d.Header = ws.HandshakeHeaderHTTP(http.Header{"Authorization": {"Bearer " + p.Token}})
	}
	conn, buffered, hs, err := d.Dial(ctx, p.Address(id))
	switch {
	case status != nil:
		return nil, nil, status
	case err != nil:
		return nil, nil, remedy(err)
	case !p.Plain() && hs.Protocol != p.Protocol():
		_ = conn.Close()
		return nil, nil, fmt.Errorf("the server does not speak %s at this address; for a route with bare payloads write %s where the group's name stands", p.Protocol(), groupMark)
	}
	return conn, buffered, nil
}

// source is the dialer of connection id: where it comes from. A loopback destination can be reached
// from any 127/8 address, and each has ports of its own: without that, 28,000
// connections would be the most.
func source(id int) *net.Dialer {
	d := &net.Dialer{Timeout: handshakeTimeout}
	if id < perSource {
		return d
	}
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+id/perSource))}
	d.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err == nil && !to.Addr().IsLoopback() {
			return fmt.Errorf("%d connections to %s: one client address has ports for no more than about 28000; run the harness on a second machine", id, address)
		}
		return nil
	}
	d.LocalAddr = from // wrong for any destination but a loopback one, as checked above
	return d
}

// statusError is a handshake that the server refused.
func statusError(code int, reason string) error {
	switch code {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("the server refused the handshake with %d %s: pass an access token that may join and send with --token", code, reason)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return fmt.Errorf("the server refused the handshake with %d %s: raise its limits on connections and handshakes, or lower --connections", code, reason)
	case http.StatusNotFound:
		return fmt.Errorf("the server refused the handshake with %d %s: check the path and the hub in --url", code, reason)
	}
	return fmt.Errorf("the server refused the handshake with %d %s", code, reason)
}

// remedy says what to do about errors that every operator meets once.
func remedy(err error) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: is the gateway running, and is --url its public listener?", err)
	case errors.Is(err, syscall.EMFILE):
		return fmt.Errorf("%w: raise the limit on open files (ulimit -n) for the harness", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: no local port is left; wait a minute, or widen net.ipv4.ip_local_port_range", err)
	}
	return err
}

// join joins each of the groups and waits for the acks. Requests and acks of one
// connection are few, so writing all before reading cannot fill both directions.
func join(w io.Writer, r io.Reader, names []string) error {
	var requests []byte
	for i, name := range names {
		requests = appendFrame(requests, ws.OpText,
			fmt.Appendf(nil, `{"type":"joinGroup","group":%q,"ackId":%d}`, name, i+1))
	}
	if _, err := w.Write(requests); err != nil {
		return err
	}
	for waiting := len(names); waiting > 0; {
		reply, err := readReply(r)
		if err != nil {
			return fmt.Errorf("waiting for the ack of joinGroup: %w", err)
		}
		if reply.Type != "ack" {
			continue
		}
		if !reply.Success {
			return fmt.Errorf("the server refused joinGroup: %s: %s; an access token may be needed, see --token", reply.Error.Name, reply.Error.Message)
		}
		waiting--
	}
	return nil
}

// readReply reads one frame, exactly: nothing of the next.
func readReply(r io.Reader) (reply Reply, err error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return reply, err
	}
	if h.Length > joinFrameLimit {
		return reply, fmt.Errorf("the server sent a frame of %d bytes before the ack", h.Length)
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(r, payload); err != nil {
		return reply, err
	}
	switch h.OpCode {
	case ws.OpText:
		err = json.Unmarshal(payload, &reply)
	case ws.OpClose:
		err = errors.New(closeReason(payload))
	}
	return reply, err
}
