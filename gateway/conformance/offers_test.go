package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// offers is RFC 7692 sections 5.1, 7 and 7.1: what a client may ask for, and whether the
// gateway takes one of it. "|" begins another header line.
var offers = []struct {
	offer string
	taken bool
}{
	{"permessage-deflate", true},
	{"permessage-deflate; server_no_context_takeover", true},
	{"permessage-deflate; client_no_context_takeover", true},
	{"permessage-deflate; server_no_context_takeover; client_no_context_takeover", true},
	{"permessage-deflate;client_no_context_takeover;server_no_context_takeover", true},
	{"permessage-deflate; client_max_window_bits", true},
	{"permessage-deflate; client_max_window_bits; server_no_context_takeover; client_no_context_takeover", true},
	{`permessage-deflate; client_max_window_bits="10"`, true},
	// A window that the gateway cannot make is declined, alone or with others.
	{"permessage-deflate; server_max_window_bits=8", false},
	{"permessage-deflate; server_max_window_bits=15", false}, // it could, and need not
	{"permessage-deflate; server_max_window_bits=10", false},
	{"permessage-deflate; server_max_window_bits=14; client_max_window_bits", false},
	{`permessage-deflate; server_max_window_bits="9"`, false},
	// Values that are none.
	{"permessage-deflate; server_max_window_bits", false},
	{"permessage-deflate; server_max_window_bits=7", false},
	{"permessage-deflate; server_max_window_bits=16", false},
	{"permessage-deflate; server_max_window_bits=x", false},
	{"permessage-deflate; server_max_window_bits=015", false},
	{"permessage-deflate; client_max_window_bits=7", false},
	{"permessage-deflate; client_max_window_bits=16", false},
	{"permessage-deflate; client_max_window_bits=0", false},
	{"permessage-deflate; client_max_window_bits=-9", false},
	{"permessage-deflate; client_max_window_bits=99999999999999999999", false},
	{"permessage-deflate; client_max_window_bits=x", false},
	{"permessage-deflate; client_max_window_bits=08", false},
	{"permessage-deflate; client_max_window_bits=010", false},
	{"permessage-deflate; client_no_context_takeover=1", false},
	{"permessage-deflate; server_no_context_takeover=true", false},
	// Twice the same parameter.
	{"permessage-deflate; client_no_context_takeover; client_no_context_takeover", false},
	{"permessage-deflate; server_no_context_takeover; server_no_context_takeover", false},
	{"permessage-deflate; client_max_window_bits; client_max_window_bits", false},
	{"permessage-deflate; client_max_window_bits=10; client_max_window_bits=10", false},
	{"permessage-deflate; client_max_window_bits; client_max_window_bits=10", false},
	{"permessage-deflate; client_max_window_bits=10; client_max_window_bits", false},
	{"permessage-deflate; server_max_window_bits=15; server_max_window_bits=15", false},
	// What nobody has defined.
	{"permessage-deflate; unknown", false},
	{"permessage-deflate; unknown=1; client_max_window_bits", false},
	{"permessage-deflate2", false},
	{"x-webkit-deflate-frame", false},
	{"permessage-bzip2", false},
	// Several, in the order of preference; one is taken.
	{"permessage-deflate, permessage-deflate", true},
	{"permessage-deflate; server_max_window_bits=10, permessage-deflate", true},
	{"permessage-deflate; unknown, permessage-deflate; client_max_window_bits", true},
	{"permessage-deflate; client_max_window_bits=99, permessage-deflate", true},
	{"permessage-deflate; client_max_window_bits; client_max_window_bits, permessage-deflate", true},
	{"x-other; a=1, permessage-deflate", true},
	{"permessage-deflate, x-other", true},
	{"permessage-deflate; server_max_window_bits=10, permessage-deflate; server_max_window_bits=11", false},
	{"permessage-deflate; server_max_window_bits=10|permessage-deflate", true},
	{"x-other|permessage-deflate; client_max_window_bits", true},
	{"permessage-deflate|permessage-deflate", true},
}

// TestOffers: each is taken or declined as it should be, the answer is one that the client
// may get, and what was agreed on works.
func TestOffers(t *testing.T) {
	all := slices.Clone(offers)
	for bits := 8; bits <= 15; bits++ {
		all = append(all, struct {
			offer string
			taken bool
		}{fmt.Sprintf("permessage-deflate; client_max_window_bits=%d", bits), true})
	}
	on, off := start(t, "compression.enabled=true"), start(t)
	for _, o := range all {
		t.Run(o.offer, func(t *testing.T) {
			t.Parallel()
			if err := negotiate(on, o.offer, o.taken); err != nil {
				t.Error(err)
			}
			if err := negotiate(off, o.offer, false); err != nil {
				t.Errorf("without compression: %v", err)
			}
		})
	}
	fmt.Printf("conformance: %d offers of extensions, with compression and without\n", len(all))
}

// TestMalformedOffers: a header that is not even a list is no handshake, or no offer.
func TestMalformedOffers(t *testing.T) {
	address := start(t, "compression.enabled=true")
	for _, offer := range []string{"permessage-deflate; =", ";", "permessage-deflate; client_max_window_bits=\"10",
		"permessage deflate", "permessage-deflate;;", "\"permessage-deflate\"", ",,,"} {
		c, answer, err := ask(address, request("Sec-WebSocket-Extensions: "+offer+"\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		c.conn.Close()
		if answer.StatusCode != http.StatusBadRequest && (answer.StatusCode != http.StatusSwitchingProtocols || c.deflates) {
			t.Errorf("%s: %d, %v", offer, answer.StatusCode, answer.Header)
		}
	}
}

// negotiate makes an offer, and then says something, compressed if that was agreed on.
func negotiate(address, offer string, taken bool) error {
	more := "Sec-WebSocket-Extensions: " + strings.ReplaceAll(offer, "|", "\r\nSec-WebSocket-Extensions: ") + "\r\n"
	c, answer, err := ask(address, request(more))
	if err != nil {
		return err
	}
	defer c.conn.Close()
	lines := answer.Header.Values("Sec-WebSocket-Extensions")
	if answer.StatusCode != http.StatusSwitchingProtocols || c.deflates != taken || len(lines) > 1 {
		return fmt.Errorf("%d, %q", answer.StatusCode, lines)
	}
	want := closed(1002)
	if taken {
		if err := checkAgreed(offer, lines[0]); err != nil {
			return err
		}
	}
	// RSV1 is an error where nothing was agreed on.
	in := join(frame(fin|text, "Hello"), first(text, squeeze("Hello again")))
	events := []event{said("Hello")}
	if taken {
		events, want = append(events, said("Hello again")), closed(1000)
	}
	if _, err := c.conn.Write(join(in, frame(fin|closing, bye(1000, "")))); err != nil {
		return err
	}
	if err := c.hear(append(events, want)); err != nil {
		return err
	}
	return c.end()
}

// checkAgreed holds an answer against the offers (RFC 7692 section 7.1): it has what one
// of them asks for, and nothing that the client has not said it understands.
func checkAgreed(offer, answer string) error {
	answered := parameters(answer)
	if answered["permessage-deflate"] != "" || strings.Contains(answer, ",") {
		return fmt.Errorf("the answer %q is not one extension", answer)
	}
	for name, value := range answered {
		bits, err := strconv.Atoi(value)
		windowed := strings.HasSuffix(name, "_max_window_bits")
		if windowed && (err != nil || bits < 8 || bits > 15) {
			return fmt.Errorf("the answer %q has %s=%s", answer, name, value)
		}
		if name == "client_max_window_bits" && !strings.Contains(offer, name) {
			return fmt.Errorf("the answer %q to %q has %s", answer, offer, name)
		}
	}
	// The gateway keeps no context, so the client must know of both.
	for _, name := range []string{"server_no_context_takeover", "client_no_context_takeover"} {
		if value, ok := answered[name]; !ok || value != "" {
			return fmt.Errorf("the answer %q to %q has no %s", answer, offer, name)
		}
	}
	return nil
}

// parameters are those of one extension, its name among them.
func parameters(extension string) map[string]string {
	p := map[string]string{}
	for part := range strings.SplitSeq(extension, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		p[name] = value
	}
	return p
}
