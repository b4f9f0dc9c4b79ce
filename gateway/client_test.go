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
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// client is a WebSocket client on gobwas/ws: another implementation of frames
// than the reactor's reader.
type client struct {
	t    testing.TB
	conn net.Conn
	in   io.ReadWriter
	id   string
}

// frame is any JSON frame of the server.
type frame struct {
	Type         string
	Event        string
	ConnectionID string
	UserID       string
	AckID        uint64
	Success      bool
	Error        struct{ Name, Message string }
	From         string
	Group        string
	DataType     string
	Data         json.RawMessage
	FromUserID   string
	Position     string
	Recovered    *bool
	Gap          bool
	Message      string

	ReconnectAfterMs int
	ExpiresInMs      int64
}

// dial opens a WebSocket; a refusal is returned as the status.
func dial(t testing.TB, url string, header http.Header, protocols ...string) (*client, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d := ws.Dialer{Protocols: protocols, Header: ws.HandshakeHeaderHTTP(header)}
	conn, br, hs, err := d.Dial(ctx, url)
	if err != nil {
		return nil, err
	}
	c := &client{t: t, conn: conn, in: conn}
	if br != nil {
		c.in = struct {
			io.Reader
			io.Writer
		}{br, conn}
	}
	if len(protocols) > 0 && hs.Protocol == "" {
		return nil, errors.New("the server chose no subprotocol")
	}
	t.Cleanup(func() { conn.Close() })
	return c, nil
}

// connect opens a client of the JSON protocol and reads its greeting.
func (g *gateway) connect(hubAndQuery string) *client {
	g.t.Helper()
	c, err := dial(g.t, "ws://"+g.public+"/client/hubs/"+hubAndQuery, nil, "json.webpubsub.azure.v1")
	if err != nil {
		g.t.Fatal(err)
	}
	f := c.next()
	if f.Type != "system" || f.Event != "connected" || f.ConnectionID == "" {
		g.t.Fatalf("the first frame is %+v, want system/connected", f)
	}
	c.id = f.ConnectionID
	return c
}

// simple opens a simple client.
func (g *gateway) simple(path string) *client {
	g.t.Helper()
	c, err := dial(g.t, "ws://"+g.public+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// simpleIn opens a simple client and returns when it is in its group: when its own
// word has come back. Whoever is in the group before hears it too.
func (g *gateway) simpleIn(path string) *client {
	g.t.Helper()
	c := g.simple(path)
	c.send("here")
	if got := c.text(); got != "here" {
		g.t.Fatalf("got %q, want its own word", got)
	}
	return c
}

// readFrame reads a frame, of no more than a test has sent.
func readFrame(in io.Reader) (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(in); err != nil {
		return f, err
	}
	f.Payload = make([]byte, min(f.Header.Length, 64<<20))
	_, err = io.ReadFull(in, f.Payload)
	return f, err
}

// read returns the next message. Pings and the close frame are answered, so the client
// is one that keeps the protocol; the close is an error with its code.
func (c *client) read() (string, ws.OpCode, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", 0, err
	}
	for {
		f, err := readFrame(c.in)
		if err != nil {
			return "", 0, err
		}
		switch f.Header.OpCode {
		case ws.OpPing:
			err = ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewPongFrame(f.Payload)))
		case ws.OpPong:
		case ws.OpClose:
			code, why := ws.ParseCloseFrameData(f.Payload)
			_ = ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(code, ""))))
			return "", 0, wsutil.ClosedError{Code: code, Reason: why}
		default:
			return string(f.Payload), f.Header.OpCode, nil
		}
		if err != nil {
			return "", 0, err
		}
	}
}

// text returns the next message, which must be one.
func (c *client) text() string {
	c.t.Helper()
	data, _, err := c.read()
	if err != nil {
		c.t.Fatalf("reading: %v", err)
	}
	return data
}

// next returns the next JSON frame.
func (c *client) next() frame {
	c.t.Helper()
	var f frame
	text := c.text()
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		c.t.Fatalf("%v in %s", err, text)
	}
	return f
}

// send writes a text message.
func (c *client) send(format string, args ...any) {
	c.t.Helper()
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	if err := writeText(c.conn, text); err != nil {
		c.t.Fatalf("writing: %v", err)
	}
}

// ack returns the next frame, which must be the ack of this id.
func (c *client) ack(id uint64) frame {
	c.t.Helper()
	f := c.next()
	if f.Type != "ack" || f.AckID != id {
		c.t.Fatalf("got %+v, want the ack of %d", f, id)
	}
	return f
}

// join joins a group and returns the position that the ack has.
func (c *client) join(group string) string {
	c.t.Helper()
	c.send(`{"type":"joinGroup","group":%q,"ackId":1}`, group)
	f := c.ack(1)
	if !f.Success || f.Position == "" {
		c.t.Fatalf("join: %+v", f)
	}
	return f.Position
}

// message returns the next frame, which must be a message to a group.
func (c *client) message(group string) frame {
	c.t.Helper()
	f := c.next()
	if f.Type != "message" || f.From != "group" || f.Group != group || f.Position == "" {
		c.t.Fatalf("got %+v, want a message to %s", f, group)
	}
	return f
}

// closedWith reads until the connection is closed and returns the close code; 0
// is a connection that ended without a close frame.
func (c *client) closedWith() ws.StatusCode {
	c.t.Helper()
	for {
		if _, _, err := c.read(); err != nil {
			c.t.Logf("the connection ended with: %v", err)
			return closeCode(err)
		}
	}
}

// closeCode is the code of the close frame that ended a connection, or 0.
func closeCode(err error) ws.StatusCode {
	var closed wsutil.ClosedError
	if errors.As(err, &closed) {
		return closed.Code
	}
	return 0
}

// writeText writes a text message.
func writeText(conn net.Conn, text string) error {
	return wsutil.WriteClientText(conn, []byte(text))
}

// raw opens a TCP connection and writes what it is told.
func raw(t testing.TB, address, bytes string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, bytes); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}
