package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"
)

// The servers that bench limit measures, in the order in which they are told of, and
// the letters that stand for them in ratios.
var subjectNames = []string{"write", "join", "memory", "redis"}

// Subject is one server under measurement.
type Subject struct {
	Name  string `json:"name"`
	URL   string `json:"url"`
	PID   int    `json:"pid,omitempty"`   // 0: its CPU time is not known
	Store int    `json:"store,omitempty"` // the process id of its Redis, or 0
	Token string `json:"-"`               // access token for a gateway, or empty
}

// Bare reports whether it speaks in parcels, and not WebSocket.
func (s Subject) Bare() bool {
	u, err := url.Parse(s.URL)
	return err == nil && u.Scheme == "tcp"
}

// Validate returns an error that names the flag.
func (s Subject) Validate() error {
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || (u.Scheme != "tcp" && u.Scheme != "ws") {
		return fmt.Errorf("--server %s=%s: want tcp://HOST:PORT of a bench bare, or ws://HOST:PORT/client/hubs/HUB of a gateway", s.Name, s.URL)
	}
	return nil
}

// connect opens connection id as a member of the groups, and waits until it is one.
func (s Subject) connect(ctx context.Context, socket *Socket, run string, id int, groups []int) error {
	if s.Bare() {
		return socket.greet(ctx, s.URL, id, groups)
	}
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = limitGroup(run, g)
	}
	return socket.connect(ctx, Plan{URL: s.URL, Token: s.Token}, id, names)
}

// greet opens the socket at a bare server. It waits at most handshakeTimeout.
func (s *Socket) greet(ctx context.Context, address string, id int, groups []int) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	conn, err := source(id).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return remedy(err)
	}
	defer conn.Close() // what stays open is the duplicate that adopt makes
	if err := conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	if _, err := conn.Write(appendHello(nil, groups)); err != nil {
		return err
	}
	var ack [1]byte
	if _, err := io.ReadFull(conn, ack[:]); err != nil || ack[0] != helloAck {
		return fmt.Errorf("no answer to the hello (%q, %v): is a bench bare at %s?", ack, err, address)
	}
	return s.adopt(conn)
}

// template is a publish as this server wants it.
func (s Subject) template(run string, size int, acks bool) (*Template, error) {
	if s.Bare() {
		return newBareParcel(run, size)
	}
	return newRequest(run, size, acks), nil
}
