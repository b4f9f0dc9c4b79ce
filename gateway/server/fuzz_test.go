package server

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// doorstep is the handshakes of a server without sockets: what comes of a request.
type doorstep struct {
	*httptest.ResponseRecorder
	in       *bufio.Reader // of the request
	written  bytes.Buffer  // after the hijack
	hijacked bool
	adopted  *session
	deflate  bool
	buffered []byte
}

func (d *doorstep) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	d.hijacked = true
	return socket{d}, bufio.NewReadWriter(d.in, bufio.NewWriter(&d.written)), nil
}

// socket is a connection that takes everything.
type socket struct{ *doorstep }

func (s socket) Read([]byte) (int, error)         { return 0, net.ErrClosed }
func (s socket) Write(b []byte) (int, error)      { return s.written.Write(b) }
func (s socket) Close() error                     { return nil }
func (s socket) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s socket) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s socket) SetDeadline(time.Time) error      { return nil }
func (s socket) SetReadDeadline(time.Time) error  { return nil }
func (s socket) SetWriteDeadline(time.Time) error { return nil }

// ask has a server answer a request, and returns what it was.
func ask(f testing.TB, s *Server, h http.Handler, raw []byte) (*http.Request, *doorstep, *http.Response) {
	d := &doorstep{ResponseRecorder: httptest.NewRecorder(), in: bufio.NewReader(bytes.NewReader(raw))}
	r, err := http.ReadRequest(d.in)
	if err != nil {
		return nil, nil, nil
	}
	r.RemoteAddr = "192.0.2.7:4711"
	s.Adopt = func(_ net.Conn, buffered []byte, c reactor.Handler, deflate bool) error {
		d.adopted, d.buffered, d.deflate = c.(*session), buffered, deflate
		return nil
	}
	h.ServeHTTP(d, r)
	if !d.hijacked {
		return r, d, d.Result()
	}
	got, err := http.ReadResponse(bufio.NewReader(&d.written), r)
	if err != nil {
		f.Fatalf("%q: no answer: %v", raw, err)
	}
	return r, d, got
}

// gate is a server that answers handshakes and has nothing behind them.
func gate(f *testing.F, keys *auth.Keys, deflate bool) (*Server, http.Handler) {
	s := &Server{Config: Config{
		Keys: keys, Log: slog.New(slog.DiscardHandler), Deflate: Deflate{Enabled: deflate}, Echo: "/echo",
		Limits: Limits{Connections: 1, GroupNameBytes: 100, GroupsPerConnection: 10}, Routes: []Route{{"/ws/{group}/", "chat"}},
	}, hubs: make(map[string]*endpoint)}
	s.counts.init(metrics.NewSet())
	s.endpoint("chat")
	s.echo = &endpoint{server: s}
	s.revocations.learn(0, 0) // there are none, and nobody is asked
	mux := http.NewServeMux()
	s.Mount(mux)
	if keys != nil {
		return s, mux
	}
	return s, s.Local(mux)
}

const (
	fuzzKey = "an access key of the fuzzer's"
	nonce   = "dGhlIHNhbXBsZSBub25jZQ=="
	shake   = "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + nonce + "\r\n"
)

// handshakes are requests from which a fuzzer finds the others.
func handshakes(token string) []string {
	const get = "GET /client/hubs/chat HTTP/1.1\r\n"
	return []string{
		get + shake + "\r\nframes", get + shake + "Origin: http://localhost\r\n\r\n", get + shake + "Origin: http://localhost.evil.example\r\n\r\n",
		get + shake + "Sec-WebSocket-Protocol: x, json.reliable.webpubsub.azure.v1\r\nSec-WebSocket-Protocol: json.webpubsub.azure.v1\r\n\r\n",
		get + shake + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n",
		get + strings.Replace(shake, "Connection: Upgrade", "Connection: keep-alive\r\nConnection: x, uPgrade", 1) + "\r\n",
		get + strings.Replace(shake, nonce, nonce+"\r\nSec-WebSocket-Key: "+nonce, 1) + "\r\n",
		get + strings.Replace(shake, "13", "13\r\nSec-WebSocket-Version: 8", 1) + "\r\n",
		get + strings.Replace(shake, "websocket", "websoc\u212aet", 1) + "\r\n",
		get + strings.Replace(shake, "Upgrade\r\n", "Upgrade\u00a0\r\n", 1) + "\r\n",
		strings.Replace(get, "1.1", "1.0", 1) + shake + "\r\n", strings.Replace(get, "GET", "POST", 1) + shake + "\r\n",
		"GET /client/?hub=CHAT&webpubsub_mode=sendToGroup&group=g HTTP/1.1\r\n" + shake + "\r\n",
		"GET /client/hubs/chat?access_token=" + token + " HTTP/1.1\r\n" + shake + "\r\n",
		get + shake + "Authorization: Bearer " + token + "\r\n\r\n", get + shake + "Content-Length: 3\r\n\r\nabcdef",
		"GET /ws/g%2Fh/ HTTP/1.1\r\n" + shake + "\r\n", "GET /echo HTTP/1.1\r\n" + shake + "\r\n", "GET http://localhost/client/hubs/chat HTTP/1.1\r\n" + shake + "\r\n",
		get + strings.Replace(shake, "localhost", "192.0.2.1", 1) + "\r\n", get + "Sec-WebSocket-Key: x" + strings.Repeat("=", 23) + "\r\n" + shake + "\r\n",
	}
}

// FuzzUpgrade: whatever a client asks, nobody is let in that RFC 6455 section 4.2.1, the
// settings and the keys do not let in, and who is gets what section 4.2.2 promises. A
// plain handshake is made however its lines are split.
func FuzzUpgrade(f *testing.F) {
	token, err := auth.Sign(fuzzKey, auth.Claims{User: "ann", Hub: "chat", Expires: time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		f.Fatal(err)
	}
	for _, raw := range handshakes(token) {
		f.Add([]byte(raw), true)
		f.Add([]byte(raw), false)
	}
	secret, err := auth.SecretKey(fuzzKey, "keys")
	if err != nil {
		f.Fatal(err)
	}
	keys := auth.NewKeys(auth.Rules{RequireExpiry: true}, nil)
	keys.Replace("keys", []auth.Key{secret})
	guarded, guardedHandler := gate(f, keys, true)
	open, openHandler := gate(f, nil, false)
	f.Fuzz(func(t *testing.T, raw []byte, guard bool) {
		s, h := open, openHandler
		if guard {
			s, h = guarded, guardedHandler
		}
		r, d, got := ask(t, s, h, raw)
		if r == nil {
			return
		}
		refusal := refused(r)
		switch {
		case (got.StatusCode == http.StatusSwitchingProtocols) != (d.adopted != nil):
			t.Fatalf("%q: %d, and a worker was given %v", raw, got.StatusCode, d.adopted)
		case d.adopted == nil:
			if got.StatusCode < 300 || refusal == "" && plain(r) && !guard {
				t.Fatalf("%q: %d %s", raw, got.StatusCode, got.Status)
			}
			return
		case refusal != "":
			t.Fatalf("%q was let in, with %s", raw, refusal)
		case guard && d.adopted.dialect != echoDialect && !strings.Contains(r.Header.Get("Authorization"), token) && !slices.Contains(r.URL.Query()["access_token"], token):
			t.Fatalf("%q was let in without the token", raw)
		case !guard && !localHost(r.Host):
			t.Fatalf("%q was let in as %s", raw, r.Host)
		}
		promised(t, r, d, got)
		if _, rest, ok := bytes.Cut(raw, []byte("\n\r\n")); ok && !bytes.Contains(raw, []byte("\n\n")) && len(raw) < d.in.Size() && !bytes.Equal(rest, d.buffered) {
			t.Fatalf("%q: %q goes to the worker", raw, d.buffered)
		}
	})
}

// refused is what RFC 6455 section 4.2.1, and sections 11.3.1 and 11.3.5 on what must
// not be there twice, have against a request. Empty if nothing.
func refused(r *http.Request) string {
	tokens := func(name string) (all []string) {
		for _, token := range strings.FieldsFunc(strings.Join(r.Header.Values(name), ","), func(r rune) bool { return strings.ContainsRune(", \t", r) }) {
			all = append(all, strings.Map(func(r rune) rune {
				if r > 127 {
					return '?'
				}
				return r | 0x20
			}, token))
		}
		return all
	}
	key, err := base64.StdEncoding.DecodeString(strings.Join(r.Header.Values("Sec-WebSocket-Key"), "!"))
	switch {
	case r.Method != "GET" || !r.ProtoAtLeast(1, 1):
		return "no GET of HTTP/1.1"
	case r.Host == "":
		return "no host"
	case !slices.Contains(tokens("Upgrade"), "websocket"):
		return "no Upgrade"
	case !slices.Contains(tokens("Connection"), "upgrade"):
		return "no Connection"
	case err != nil || len(key) != 16:
		return "no key"
	case !slices.Equal(r.Header.Values("Sec-WebSocket-Version"), []string{"13"}):
		return "no version"
	case !sameOrigin(r.Header.Values("Origin"), r.Host):
		return "another origin"
	}
	return ""
}

// sameOrigin reports whether a page's origin is the host that it asks.
func sameOrigin(origins []string, host string) bool {
	spelled := func(s string) string {
		s = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(s), ":80"), ":443")
		if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
			return ip.String()
		}
		if ip, err := netip.ParseAddrPort(s); err == nil {
			return ip.String()
		}
		return s
	}
	if len(origins) == 0 || len(origins) == 1 && origins[0] == "" {
		return true
	}
	_, page, ok := strings.Cut(origins[0], "://")
	return ok && len(origins) == 1 && spelled(page) == spelled(host)
}

// plain reports whether a request asks for nothing but a connection, so that there is no
// ground to refuse it.
func plain(r *http.Request) bool {
	for name := range r.Header {
		if !slices.Contains([]string{"Upgrade", "Connection", "Sec-Websocket-Key", "Sec-Websocket-Version"}, name) {
			return false
		}
	}
	return r.URL.Path == "/client/hubs/chat" && r.URL.RawPath == "" && r.URL.RawQuery == "" && localHost(r.Host) && len(r.Header["Upgrade"]) == 1 && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// promised checks an answer by RFC 6455 section 4.2.2.
func promised(t *testing.T, r *http.Request, d *doorstep, got *http.Response) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	protocol := ""
	for _, p := range strings.Split(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",") {
		if p = strings.TrimSpace(p); protocol == "" && (p == wire.Protocol || p == wire.ReliableProtocol) {
			protocol = p
		}
	}
	c := d.adopted
	if c.dialect == echoDialect || strings.HasPrefix(r.URL.Path, "/ws/") {
		protocol = ""
	}
	switch {
	case got.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]):
		t.Fatalf("Sec-WebSocket-Accept is %q", got.Header.Get("Sec-WebSocket-Accept"))
	case got.Header.Get("Upgrade") != "websocket" || got.Header.Get("Connection") != "Upgrade":
		t.Fatalf("%v", got.Header)
	case got.Header.Get("Sec-WebSocket-Protocol") != protocol || (c.dialect == jsonDialect) != (protocol != "") || (c.reliable != nil) != (protocol == wire.ReliableProtocol):
		t.Fatalf("%q of %q, and the dialect is %v", got.Header.Values("Sec-WebSocket-Protocol"), r.Header.Values("Sec-WebSocket-Protocol"), c.dialect)
	case c.dialect == simpleDialect && c.simple.group != "" && wire.CheckGroup(c.simple.group, 100) != nil:
		t.Fatalf("a simple client is in %q", c.simple.group)
	}
	agreed(t, r.Header.Values("Sec-WebSocket-Extensions"), got.Header.Values("Sec-WebSocket-Extensions"), d.deflate)
}

// extensionList is the header of RFC 6455 section 9.1.
var extensionList = func() *regexp.Regexp {
	const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
	const value = token + `|"[!#$%&'*+.^_|~0-9A-Za-z-]+"`
	const extension = token + "([ \t]*;[ \t]*" + token + "([ \t]*=[ \t]*(" + value + "))?)*"
	return regexp.MustCompile("^[ \t]*" + extension + "([ \t]*,[ \t]*" + extension + ")*[ \t]*$")
}()

// agreed checks the answer to offers by RFC 7692 section 7.1.
func agreed(t *testing.T, offers, answers []string, deflate bool) {
	if !deflate || len(answers) != 1 {
		if deflate || len(answers) > 0 {
			t.Fatalf("%q is answered with %q, and the connection's compression is %v", offers, answers, deflate)
		}
		return
	}
	options, ok := httphead.ParseOptions([]byte(answers[0]), nil)
	var p wsflate.Parameters
	if !ok || len(options) != 1 || string(options[0].Name) != "permessage-deflate" || p.Parse(options[0]) != nil ||
		p != (wsflate.Parameters{ServerNoContextTakeover: true, ClientNoContextTakeover: true}) {
		t.Fatalf("%q is answered with %q: %+v", offers, answers, p)
	}
	// Of what is no list the library makes something; that must be a good answer, too.
	whole := strings.Join(offers, ",")
	if extensionList.MatchString(whole) && !slices.ContainsFunc(cut(whole, ','), acceptable) {
		t.Fatalf("%q is answered with %q", offers, answers)
	}
}

// acceptable reports whether an offer is one that the gateway can keep.
func acceptable(offer string) bool {
	seen := map[string]bool{}
	for i, part := range cut(offer, ';') {
		name, value, hasValue := strings.Cut(part, "=")
		name, value = strings.Trim(name, " \t\r\n"), strings.Trim(value, " \t\r\n\"")
		switch {
		case i == 0 && (name != "permessage-deflate" || hasValue):
			return false
		case i == 0:
		case seen[name]:
			return false
		case name == "client_max_window_bits":
			if !slices.Contains([]string{"8", "9", "10", "11", "12", "13", "14", "15"}, value) && hasValue {
				return false
			}
		case name != "server_no_context_takeover" && name != "client_no_context_takeover" || hasValue:
			return false
		}
		seen[name] = true
	}
	return true
}

// cut splits at a byte that stands outside of quotes.
func cut(s string, at byte) (all []string) {
	from, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i++
		case s[i] == at && !quoted:
			all, from = append(all, s[from:i]), i+1
		}
	}
	return append(all, s[from:])
}

// FuzzOffers: an offer of compression is answered with what RFC 7692 allows, and only if
// one of those offered can be kept; what the answer says is what the connection does.
func FuzzOffers(f *testing.F) {
	for _, offer := range []string{"permessage-deflate", "permessage-deflate; client_max_window_bits", `permessage-deflate; client_max_window_bits="10"`,
		"permessage-deflate; server_max_window_bits=10, permessage-deflate", "permessage-deflate; unknown\npermessage-deflate; server_no_context_takeover",
		"permessage-deflate; client_max_window_bits; client_max_window_bits=10", "permessage-deflate; client_max_window_bits=08",
		"permessage-deflate; client_no_context_takeover=", "x; a=\"\\\", permessage-deflate\", permessage-deflate2", "permessage-deflate;;", ",", "=", "PERMESSAGE-DEFLATE"} {
		f.Add(offer)
	}
	s, h := gate(f, nil, true)
	f.Fuzz(func(t *testing.T, offers string) {
		raw := "GET /client/hubs/chat HTTP/1.1\r\n" + shake
		for line := range strings.SplitSeq(offers, "\n") {
			raw += "Sec-WebSocket-Extensions: " + line + "\r\n"
		}
		r, d, got := ask(t, s, h, []byte(raw+"\r\n"))
		if r != nil && d.adopted != nil {
			agreed(t, r.Header.Values("Sec-WebSocket-Extensions"), got.Header.Values("Sec-WebSocket-Extensions"), d.deflate)
		}
	})
}

// FuzzRecord: what another node, or whoever writes to Redis, has kept as a session is an
// error or a record; what was read is written and read again as the same, and neither its
// window nor its acks are lost by what they cannot be.
func FuzzRecord(f *testing.F) {
	f.Add((&record{ID: "i", Hub: "chat", Last: 9, Acked: 3, Groups: []place{{Group: "g", From: at(3)}}, Runs: []sent{{"g", 4, 6, at(1), at(7)}}, Acks: []ackRun{{1, 5}}}).encode(), uint64(5))
	f.Add([]byte(`{"Last":18446744073709551615,"Runs":[{"Count":-1},{"First":18446744073709551615,"Count":9223372036854775807}]}`), uint64(1<<63))
	f.Add([]byte(`{"Acks":[{"First":5,"Last":1},{"First":0,"Last":18446744073709551615},{}],"ID":"\ud800"}`), uint64(0))
	f.Add([]byte(`{"Acks":[{"First":5}]}`), uint64(4))
	f.Add([]byte(`{"Last":18446744073709551615,"Runs":[{"First":1,"Count":9223372036854775807},{"First":1,"Count":9223372036854775807}]}`), uint64(0))
	f.Add([]byte("null"), uint64(1))
	f.Fuzz(func(t *testing.T, content []byte, number uint64) {
		c, err := decodeRecord(content)
		if err != nil {
			return
		}
		if again, err := decodeRecord(c.encode()); err != nil || !reflect.DeepEqual(again, c) && !reflect.DeepEqual(again.encode(), c.encode()) {
			t.Fatalf("%+v is read again as %+v, %v", c, again, err)
		}
		w := window{last: c.Last, acked: c.Acked, runs: slices.Clone(c.Runs)}
		for _, run := range c.Runs {
			w.unacked += run.Count
		}
		w.ack(number)
		if w.acked > max(c.Acked, c.Last) || w.unacked < 0 || number >= c.Last && len(w.runs) > 0 {
			t.Fatalf("acked up to %d of %d", w.acked, c.Last)
		}
		var acks ackMemory
		acks.restore(c.Acks)
		done := acks.done(number)
		if acks.begin(number) == ackDone != done || acks.pending() == done {
			t.Fatalf("%d was done: %v, and pending: %v", number, done, acks.pending())
		}
		acks.end(number, true)
		if !acks.done(number) || acks.pending() {
			t.Fatalf("%d is not done", number)
		}
	})
}
