package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
)

// offering opens a client of the JSON protocol that offers extensions, and returns what
// the gateway agreed to.
func (g *gateway) offering(offer string) (c *client, agreed string) {
	g.t.Helper()
	conn, r := raw(g.t, g.public, "GET /client/hubs/chat HTTP/1.1\r\nHost: "+g.public+"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: json.webpubsub.azure.v1\r\n"+
		"Sec-WebSocket-Extensions: "+offer+"\r\n\r\n")
	answer, err := http.ReadResponse(r, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		g.t.Fatalf("offer %q: %v, %v", offer, answer, err)
	}
	c = &client{t: g.t, conn: conn, in: struct {
		io.Reader
		io.Writer
	}{r, conn}}
	c.inflated() // the greeting
	return c, answer.Header.Get("Sec-WebSocket-Extensions")
}

// inflated reads the next frame and says whether it was compressed.
func (c *client) inflated() (text string, compressed bool) {
	c.t.Helper()
	h, err := ws.ReadHeader(c.in)
	if err != nil {
		c.t.Fatal(err)
	}
	f := ws.Frame{Header: h, Payload: make([]byte, h.Length)}
	if _, err := io.ReadFull(c.in, f.Payload); err != nil {
		c.t.Fatal(err)
	}
	if compressed, err = wsflate.IsCompressed(f.Header); err == nil && compressed {
		f, err = wsflate.DecompressFrame(f)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return string(f.Payload), compressed
}

// TestCompression: who agreed gets large messages compressed, small ones and answers as
// they are, and is understood when it compresses; the others notice nothing.
func TestCompression(t *testing.T) {
	g := start(t, "--set", "compression.enabled=true", "--set", "compression.min_bytes=512")
	packed, agreed := g.offering("permessage-deflate; client_max_window_bits")
	for _, want := range []string{"permessage-deflate", "server_no_context_takeover", "client_no_context_takeover"} {
		if !strings.Contains(agreed, want) {
			t.Fatalf("agreed to %q, want %s in it", agreed, want)
		}
	}
	plain := g.connect("chat")
	plain.join("g")
	packed.send(`{"type":"joinGroup","group":"g","ackId":1}`)
	if text, compressed := packed.inflated(); compressed || !strings.Contains(text, `"success":true`) {
		t.Fatalf("the ack is %s, compressed %v", text, compressed)
	}
	f := func(data string, want bool) {
		t.Helper()
		plain.send(`{"type":"sendToGroup","group":"g","dataType":"text","data":%q}`, data)
		if m := plain.message("g"); string(m.Data) != fmt.Sprintf("%q", data) {
			t.Errorf("the plain member got %.40s", m.Data)
		}
		text, compressed := packed.inflated()
		if compressed != want || !strings.Contains(text, data) {
			t.Errorf("the other got %.80s, compressed %v, want %v", text, compressed, want)
		}
	}
	f("small", false)
	f(strings.Repeat("large ", 1000), true)
	f(strings.Repeat("again ", 1000), true)

	request := ws.NewTextFrame([]byte(`{"type":"sendToGroup","group":"g","dataType":"text","data":"` + strings.Repeat("up ", 500) + `"}`))
	request, err := wsflate.CompressFrame(request)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := ws.WriteFrame(&b, ws.MaskFrame(request)); err != nil {
		t.Fatal(err)
	}
	if _, err := packed.conn.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if m := plain.message("g"); len(m.Data) != 1502 {
		t.Errorf("of the compressed request %d bytes arrived, want 1502", len(m.Data))
	}
}

// TestCompressionOffers: what cannot be kept is declined, and so is what is malformed;
// the client is connected all the same.
func TestCompressionOffers(t *testing.T) {
	on, off := start(t, "--set", "compression.enabled=true"), start(t)
	f := func(g *gateway, offer string, want bool) {
		t.Helper()
		if _, agreed := g.offering(offer); (agreed != "") != want {
			t.Errorf("offer %q: agreed to %q", offer, agreed)
		}
	}
	f(on, "permessage-deflate", true)
	f(on, "permessage-deflate; server_no_context_takeover; client_no_context_takeover", true)
	f(on, "permessage-deflate; server_max_window_bits=10, permessage-deflate", true)
	f(on, "permessage-deflate; server_max_window_bits=10", false)
	f(on, "permessage-deflate; client_max_window_bits=99", false)
	f(on, "permessage-deflate; unknown", false)
	f(on, "permessage-deflate; client_max_window_bits; client_max_window_bits", false)
	f(on, "permessage-deflate; client_max_window_bits=010", false)
	f(on, "x-other", false)
	f(off, "permessage-deflate", false)
}
