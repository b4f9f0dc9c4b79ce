package conformance

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// handshakes is RFC 6455 section 4.2: what a request must have. Each is the good one with
// a change.
var handshakes = []struct {
	name, old, new string
	status         int
	header, value  string // of the answer
}{
	{"4.2.2 the RFC's example", "", "", 101, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
	{"4.2.1 another key", "dGhlIHNhbXBsZSBub25jZQ==", "x3JJHMbDL1EzLkh9GBhXDw==", 101, "Sec-WebSocket-Accept", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="},
	{"4.2.1 upgrade in another case", "Upgrade: websocket", "Upgrade: WebSocket", 101, "Upgrade", "websocket"},
	{"4.2.1 connection with more tokens", "Connection: Upgrade", "Connection: keep-alive, upgrade", 101, "Connection", "Upgrade"},
	{"4.2.1 connection in two lines", "Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade", 101, "Connection", "Upgrade"},
	{"4.2.1 upgrade with a letter that folds", "Upgrade: websocket", "Upgrade: websoc\u212aet", 426, "", ""},
	{"11.3.1 two keys", "Version: 13", "Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==", 400, "", ""},
	{"11.3.5 two versions", "Version: 13", "Version: 13\r\nSec-WebSocket-Version: 8", 426, "Sec-WebSocket-Version", "13"},
	{"4.2.1 header names in another case", "Sec-WebSocket-Key", "sec-websocket-key", 101, "", ""},
	{"4.2.1 a subprotocol that is not ours", "\r\n\r\n", "\r\nSec-WebSocket-Protocol: other\r\n\r\n", 101, "Sec-WebSocket-Protocol", ""},
	{"9.1 an extension that is not ours", "\r\n\r\n", "\r\nSec-WebSocket-Extensions: x-other; a=1\r\n\r\n", 101, "Sec-WebSocket-Extensions", ""},
	{"4.2.1 no key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400, "", ""},
	{"4.2.1 an empty key", "dGhlIHNhbXBsZSBub25jZQ==", "", 400, "", ""},
	{"4.2.1 a key of 15 octets", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", 400, "", ""},
	{"4.2.1 a key of 17 octets", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZWU=", 400, "", ""},
	{"4.2.1 a key that is no base64", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ!!", 400, "", ""},
	{"4.2.1 a key without padding", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", 400, "", ""},
	{"4.2.1 a key with bits left over", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZR==", 400, "", ""},
	{"4.4 version 8", "Version: 13", "Version: 8", 426, "Sec-WebSocket-Version", "13"},
	{"4.4 version 0", "Version: 13", "Version: 0", 426, "Sec-WebSocket-Version", "13"},
	{"4.4 version 14", "Version: 13", "Version: 14", 426, "Sec-WebSocket-Version", "13"},
	{"4.4 version 013", "Version: 13", "Version: 013", 426, "Sec-WebSocket-Version", "13"},
	{"4.4 no version", "Sec-WebSocket-Version: 13\r\n", "", 426, "Sec-WebSocket-Version", "13"},
	{"4.2.1 no upgrade", "Upgrade: websocket\r\n", "", 426, "Upgrade", "websocket"},
	{"4.2.1 upgrade to something else", "Upgrade: websocket", "Upgrade: h2c", 426, "Upgrade", "websocket"},
	{"4.2.1 no connection header", "Connection: Upgrade\r\n", "", 426, "Upgrade", "websocket"},
	{"4.2.1 connection without upgrade", "Connection: Upgrade", "Connection: keep-alive", 426, "", ""},
	{"4.2.1 a POST", "GET /", "POST /", 405, "Allow", "GET"},
	{"4.2.1 no host", "Host: localhost\r\n", "", 400, "", ""},
	{"4.2.1 HTTP/1.0", "HTTP/1.1", "HTTP/1.0", 0, "", ""},
}

// TestHandshakes: each gets its status and its header.
func TestHandshakes(t *testing.T) {
	address := start(t)
	for _, h := range handshakes {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			c, answer, err := ask(address, strings.Replace(request(""), h.old, h.new, 1))
			if err != nil {
				t.Fatal(err)
			}
			defer c.conn.Close()
			if h.status == 0 && answer.StatusCode < 400 || h.status != 0 && (answer.StatusCode != h.status || h.header != "" && answer.Header.Get(h.header) != h.value) {
				t.Errorf("got %d and %v", answer.StatusCode, answer.Header)
			}
		})
	}
	fmt.Printf("conformance: %d handshakes\n", len(handshakes))
}

// TestTogether: frames that come in the packet of the request, and a request that comes
// in two pieces, cut at each position. The frames' end may be in another packet.
func TestTogether(t *testing.T) {
	address := start(t)
	in := join([]byte(request("")), frame(fin|text, "early"), frame(fin|ping, "p"), frame(fin|closing, bye(1000, "")))
	for i := 1; i <= len(in); i++ {
		t.Run(fmt.Sprint("cut at ", i), func(t *testing.T) {
			t.Parallel()
			if err := together(address, string(in[:i]), string(in[i:])); err != nil {
				t.Error(err)
			}
		})
	}
}

func together(address, first, then string) error {
	c, err := dial(address)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	for _, part := range []string{first, then} {
		if _, err := io.WriteString(c.conn, part); err != nil {
			return err
		}
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if err := c.hear([]event{said("early"), ponged("p"), closed(1000)}); err != nil {
		return err
	}
	return c.end()
}
