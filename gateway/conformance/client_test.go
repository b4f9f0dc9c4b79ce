package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"
)

// request is a WebSocket handshake (RFC 6455 section 4.1); the key is the RFC's own.
func request(more string) string {
	return "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" + more + "\r\n"
}

// client is one connection.
type client struct {
	conn net.Conn
	reader
}

func dial(address string) (*client, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &client{conn: conn, reader: reader{in: bufio.NewReader(conn)}}, nil
}

// ask sends a request and reads the answer.
func ask(address, request string) (*client, *http.Response, error) {
	c, err := dial(address)
	if err != nil {
		return nil, nil, err
	}
	if _, err := io.WriteString(c.conn, request); err != nil {
		c.conn.Close()
		return nil, nil, err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.conn.Close()
		return nil, nil, err
	}
	answer.Body.Close()
	c.deflates = answer.Header.Get("Sec-WebSocket-Extensions") != ""
	return c, answer, nil
}

// connect makes a handshake that must succeed, and agree on compression if that is
// offered.
func connect(address, offer string) (*client, error) {
	more := ""
	if offer != "" {
		more = "Sec-WebSocket-Extensions: " + offer + "\r\n"
	}
	c, answer, err := ask(address, request(more))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols || c.deflates != (offer != "") {
		c.conn.Close()
		return nil, fmt.Errorf("the offer %q was answered with %d and %q", offer, answer.StatusCode, answer.Header["Sec-Websocket-Extensions"])
	}
	return c, nil
}

// converse has the client say the parts, a write each, while it hears what must be the
// events, and then the end of the connection.
func converse(address, offer string, parts [][]byte, want []event) error {
	c, err := connect(address, offer)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		for _, p := range parts {
			if _, err := c.conn.Write(p); err != nil {
				return // what was heard tells whether that is right
			}
		}
	}()
	err = c.hear(want)
	if err == nil {
		err = c.end()
	}
	c.conn.Close()
	<-wrote
	return err
}

// hear reads as many events as are wanted, and compares them.
func (c *client) hear(want []event) error {
	var got []event
	for range want {
		e, err := c.next()
		if err != nil {
			return fmt.Errorf("after %.300v: %w, want %.300v", got, err, want)
		}
		got = append(got, e)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("got %.300v, want %.300v", got, want)
	}
	return nil
}

// end is the end of the connection, of which TCP's own must be clean.
func (c *client) end() error {
	switch e, err := c.next(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("after the close: %w", err)
	default:
		return fmt.Errorf("after the close: %v", e)
	}
}

// whole sends a case in one piece.
func (c testCase) whole(address string) error {
	in, want := c.conversation()
	return converse(address, c.offer, [][]byte{in}, want)
}

// octets sends it one octet a write.
func (c testCase) octets(address string) error {
	in, want := c.conversation()
	var parts [][]byte
	for i := range in {
		parts = append(parts, in[i:i+1])
	}
	return converse(address, c.offer, parts, want)
}

// split sends it in two writes, cut at each position: over one connection, if that stays.
func (c testCase) split(address string) error {
	if c.code != 0 {
		return c.splitFailing(address)
	}
	p, err := connect(address, c.offer)
	if err != nil {
		return err
	}
	defer p.conn.Close()
	const sync = "all that came before is answered"
	want := append(c.want[:len(c.want):len(c.want)], ponged(sync))
	for i := 1; i < len(c.in); i++ {
		for _, part := range [][]byte{c.in[:i], join(c.in[i:], frame(fin|ping, sync))} {
			if _, err := p.conn.Write(part); err != nil {
				return fmt.Errorf("cut at %d: %w", i, err)
			}
		}
		if err := p.hear(want); err != nil {
			return fmt.Errorf("cut at %d: %w", i, err)
		}
	}
	return nil
}

func (c testCase) splitFailing(address string) error {
	in, want := c.conversation()
	start := len(frame(fin|text, "before"))
	for i := 1; i < len(c.in); i++ {
		if err := converse(address, c.offer, [][]byte{in[:start+i], in[start+i:]}, want); err != nil {
			return fmt.Errorf("cut at %d: %w", i, err)
		}
	}
	return nil
}
