package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// reliableClient speaks the reliable subprotocol as the JavaScript client does: it
// drops what it has, acks, and goes on with its session when the connection is lost.
type reliableClient struct {
	*client
	hub      string // and query
	token    string
	last     uint64          // number of the last message
	heard    map[string]bool // payloads
	got      []int           // numbers of group g, in the order in which they came
	doubled  int             // messages that came again with a new number
	dropped  int             // messages that came again with their old one
	refusals int
	joins    uint64
	beside   []int // numbers of another group
}

// reliable opens a client of the reliable subprotocol.
func (g *gateway) reliable(hubAndQuery string) *reliableClient {
	g.t.Helper()
	c := &reliableClient{hub: hubAndQuery, heard: make(map[string]bool)}
	if err := c.open(g, ""); err != nil {
		g.t.Fatal(err)
	}
	return c
}

// open connects, and reads the greeting.
func (c *reliableClient) open(g *gateway, query string) error {
	g.t.Helper()
	var err error
	c.client, err = dial(g.t, "ws://"+g.public+"/client/hubs/"+c.hub+query, nil, "json.reliable.webpubsub.azure.v1")
	if err != nil {
		return err
	}
	text, _, err := c.read()
	if err != nil {
		return err
	}
	var f struct{ Type, Event, ConnectionID, ReconnectionToken string }
	if err := json.Unmarshal([]byte(text), &f); err != nil || f.Event != "connected" || f.ReconnectionToken == "" {
		return fmt.Errorf("the first frame is %s, want system/connected with a token", text)
	}
	c.id, c.token = f.ConnectionID, f.ReconnectionToken
	return nil
}

// recovery is the query with which a session is asked for.
func recovery(id, token string) string {
	return "?awps_connection_id=" + url.QueryEscape(id) + "&awps_reconnection_token=" + url.QueryEscape(token)
}

// recover goes on with the session on a node. It tries again as the JavaScript client
// does, but for the pause, unless it is told that there is nothing to go on with.
func (c *reliableClient) recover(g *gateway) {
	g.t.Helper()
	id := c.id
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := c.open(g, recovery(c.id, c.token))
		if err == nil {
			break
		}
		c.refusals++
		if time.Now().After(deadline) || strings.Contains(err.Error(), "connect anew") {
			g.t.Fatalf("the session is not recovered: %v\n%s", err, g.log)
		}
	}
	if c.id != id {
		g.t.Fatalf("connection %s was recovered as %s", id, c.id)
	}
}

// numbered reads the next message to a group that is new to the client, and notes it.
func (c *reliableClient) numbered() (frame, uint64) {
	c.t.Helper()
	for {
		text := c.text()
		var f struct {
			frame
			SequenceID uint64
		}
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			c.t.Fatalf("%v in %s", err, text)
		}
		switch {
		case f.Type != "message":
			if f.SequenceID != 0 {
				c.t.Fatalf("a frame that is no message has a number: %s", text)
			}
			return f.frame, 0
		case f.SequenceID == 0:
			c.t.Fatalf("a message without a number: %s", text)
		case f.SequenceID <= c.last:
			c.dropped++
			continue
		}
		c.last = f.SequenceID
		if key := f.Group + f.Position; c.heard[key] {
			c.doubled++
			continue
		} else {
			c.heard[key] = true
		}
		return f.frame, f.SequenceID
	}
}

// enters joins a group; messages may come before the ack.
func (c *reliableClient) enters(group string) {
	c.t.Helper()
	c.joins++
	c.send(`{"type":"joinGroup","group":%q,"ackId":%d}`, group, 1_000_000+c.joins)
	for {
		f, n := c.numbered()
		if n == 0 && f.AckID == 1_000_000+c.joins && f.Success {
			return
		}
		if f.Group == "g" {
			c.got = append(c.got, f.number(c.t))
		}
	}
}

// hear reads the numbers of group g up to one, which must come in order.
func (c *reliableClient) hear(to int) {
	c.t.Helper()
	for len(c.got) == 0 || c.got[len(c.got)-1] < to {
		f, n := c.numbered()
		if n == 0 {
			c.t.Fatalf("got %+v, want a message", f)
		}
		at := f.number(c.t)
		if f.Group != "g" {
			c.beside = append(c.beside, at)
			continue
		}
		if k := len(c.got); k > 0 && at != c.got[k-1]+1 {
			c.t.Fatalf("got %d after %d (%d refusals, %d dropped, %d doubled)", at, c.got[k-1], c.refusals, c.dropped, c.doubled)
		}
		c.got = append(c.got, at)
	}
}

// acks tells that everything was got.
func (c *reliableClient) acks() { c.send(`{"type":"sequenceAck","sequenceId":%d}`, c.last) }

// cut ends the connection without a close frame.
func (c *reliableClient) cut() { c.conn.Close() }

// say publishes numbers to group g.
func (c *client) count(from, to int) {
	c.t.Helper()
	for i := from; i <= to; i++ {
		c.say1("g", i)
	}
}
