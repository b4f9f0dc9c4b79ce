package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

const (
	// linkPatience bounds a handshake, and a write to a gateway that does not read.
	linkPatience = 10 * time.Second
	// linkFrame bounds what a server may say at once.
	linkFrame = 4 << 20
)

// Notice is one frame of a gateway, as far as the harness looks at it.
type Notice struct {
	Type      string
	Event     string
	Group     string
	AckID     uint64
	Success   bool
	Position  string
	Recovered bool
	Gap       bool // on a message: others before it were lost

	// Of the reliable subprotocol.
	SequenceID        uint64
	ConnectionID      string
	ReconnectionToken string
	Data              json.RawMessage
	Message           string
	Error             struct{ Name, Message string }
}

// Link is one connection of a client that lives its own life, unlike those of a
// Fleet: a goroutine reads it and hands over each frame. Write and Close may be
// called from any goroutine.
type Link struct {
	Gone chan struct{} // closed once nothing more will be handed over

	conn net.Conn
	mu   sync.Mutex // guards writes
}

// openLink connects to a gateway. hear gets each frame, on the link's goroutine; while it waits, nothing
// is read. ended is called last.
func openLink(ctx context.Context, p Plan, id int, hear func(*Notice), ended func(error)) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, linkPatience)
	defer cancel()
	conn, buffered, err := upgrade(ctx, p, id)
	if err != nil {
		return nil, err
	}
	if buffered == nil {
		buffered = bufio.NewReader(conn)
	}
	l := &Link{conn: conn, Gone: make(chan struct{})}
	go func() {
		defer close(l.Gone)
		ended(l.read(buffered, hear))
		_ = conn.Close()
	}()
	return l, nil
}

// read hands over frames until the connection ends, and returns why it did.
func (l *Link) read(r io.Reader, hear func(*Notice)) error {
	for {
		h, err := ws.ReadHeader(r)
		if err != nil {
			return err
		}
		if h.Length > linkFrame || !h.Fin {
			return fmt.Errorf("a frame of %d bytes, fin %t: the harness reads whole ones up to %d", h.Length, h.Fin, linkFrame)
		}
		b := make([]byte, h.Length)
		if _, err := io.ReadFull(r, b); err != nil {
			return err
		}
		switch h.OpCode {
		case ws.OpPing:
			_ = l.Write(ws.OpPong, b) // broken: the next read says so
		case ws.OpClose:
			return errors.New(closeReason(b))
		case ws.OpText:
			var n Notice
			if err := json.Unmarshal(b, &n); err != nil {
				return fmt.Errorf("a frame that is no JSON: %w", err)
			}
			hear(&n)
		}
	}
}

// Write sends one frame and waits until the kernel has it.
func (l *Link) Write(op ws.OpCode, b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(linkPatience)); err != nil {
		return err
	}
	_, err := l.conn.Write(appendFrame(nil, op, b))
	return err
}

// Close ends the connection, politely or as a cut cable does, and waits until nothing
// more is handed over.
func (l *Link) Close(polite bool) {
	if polite {
		_ = l.Write(ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, "")) // broken: it is closed anyway
	} else if tcp, ok := l.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = l.conn.Close()
	<-l.Gone
}
