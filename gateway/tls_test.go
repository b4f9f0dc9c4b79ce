package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// certified is a certificate of 127.0.0.1 in files.
type certified struct {
	t         testing.TB
	cert, key string // their paths
}

// newCertified makes one with this number.
func newCertified(t testing.TB, serial int64) *certified {
	t.Helper()
	dir := t.TempDir()
	c := &certified{t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	c.renew(serial)
	return c
}

// renew writes another one into the files.
func (c *certified) renew(serial int64) {
	c.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		c.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(c.cert, "CERTIFICATE", cert)
	c.write(c.key, "PRIVATE KEY", private)
}

func (c *certified) write(path, kind string, der []byte) {
	c.t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// flags are the settings that name the files.
func (c *certified) flags(more ...string) []string {
	return append([]string{"--set", "tls.cert_file=" + c.cert, "--set", "tls.key_file=" + c.key}, more...)
}

// trust is a client's configuration that believes what is in the file now.
func (c *certified) trust() *tls.Config {
	c.t.Helper()
	content, err := os.ReadFile(c.cert)
	if err != nil {
		c.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(content)
	return &tls.Config{RootCAs: pool}
}

// connectTLS opens a client of the JSON protocol over TLS and reads its greeting.
func (g *gateway) connectTLS(c *certified) *client {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d := ws.Dialer{Protocols: []string{"json.webpubsub.azure.v1"}, TLSConfig: c.trust()}
	conn, br, _, err := d.Dial(ctx, "wss://"+g.public+"/client/hubs/chat")
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	o := &client{t: g.t, conn: conn, in: conn}
	if br != nil {
		o.in = struct {
			io.Reader
			io.Writer
		}{br, conn}
	}
	if f := o.next(); f.Event != "connected" {
		g.t.Fatalf("the first frame is %+v", f)
	}
	return o
}

// TestTLS: clients over TLS are clients like others, and the log has their address.
func TestTLS(t *testing.T) {
	cert := newCertified(t, 1)
	g := start(t, cert.flags("--set", "log.level=debug", "--set", "tls.operator=true")...)
	a, b := g.connectTLS(cert), g.connectTLS(cert)
	a.join("x")
	b.join("x")
	want := strings.Repeat("0123456789abcdef", 60_000)
	a.send(`{"type":"sendToGroup","group":"x","dataType":"text","data":%q,"noEcho":true,"ackId":2}`, want)
	if f := a.ack(2); !f.Success {
		t.Fatalf("not sent: %+v", f)
	}
	if got := string(b.message("x").Data); got != `"`+want+`"` {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	_ = ws.WriteFrame(b.conn, ws.MaskFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))))
	if code := b.closedWith(); code != ws.StatusNormalClosure {
		t.Errorf("closed with %d", code)
	}
	if _, err := b.in.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the close came %v, want the end that TLS has", err)
	}
	b.conn.Close()
	g.saw(b.conn.LocalAddr().String())
	a.conn.Close() // without a word
	g.saw(a.conn.LocalAddr().String())

	operator := &http.Client{Transport: &http.Transport{TLSClientConfig: cert.trust(), DisableKeepAlives: true}, Timeout: patience}
	eventually(t, "no relay is left", func() bool {
		response, err := operator.Get("https://" + g.operator + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		page, _ := io.ReadAll(response.Body)
		return strings.Contains(string(page), "\ntidegate_tls_connections 0\n")
	})
	old := cert.trust()
	old.MaxVersion = tls.VersionTLS11
	if c, err := tls.Dial("tcp", g.public, old); err == nil {
		c.Close()
		t.Error("TLS 1.1 was spoken")
	}
	if err := run(t.Context(), t.Context(), []string{"probe", "--tls", "--operator", g.operator}, nil, io.Discard, io.Discard); err != nil {
		t.Errorf("probe: %v", err)
	}
	conn, in := raw(t, g.public, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
	if text, _ := io.ReadAll(in); strings.HasPrefix(string(text), "HTTP/1.1 200") {
		t.Errorf("plain HTTP was answered: %s", text)
	}
	conn.Close()
}

// TestTLSSlowReader: a client that does not read holds up nobody, and gets everything, in
// order, when it does.
func TestTLSSlowReader(t *testing.T) {
	const messages = 400
	cert := newCertified(t, 1)
	g := start(t, cert.flags("--set", "limits.send_buffer_bytes=16KiB", "--set", "limits.socket_buffer_bytes=64KiB")...)
	slow, publisher := g.connectTLS(cert), g.connectTLS(cert)
	slow.join("a")
	for i := range messages {
		publisher.say(i, "a")
	}
	if g.metric("tidegate_fell_behind_total") == 0 {
		t.Error("it did not fall behind: the test shows nothing")
	}
	for i := range messages {
		slow.hears(i, "a")
	}
}

// TestTLSDrain: at the node's end clients get their last messages, the close frame, and
// the end that TLS has.
func TestTLSDrain(t *testing.T) {
	cert := newCertified(t, 1)
	g := start(t, cert.flags("--set", "drain.window=0")...)
	clients := make([]*client, 20)
	for i := range clients {
		clients[i] = g.connectTLS(cert)
		clients[i].join("a")
	}
	clients[0].send(`{"type":"sendToGroup","group":"a","dataType":"text","data":%q}`, strings.Repeat("x", 500_000))
	clients[0].message("a")
	stopped := make(chan error, 1)
	go func() { stopped <- g.stop() }()
	for _, c := range clients[1:] {
		c.message("a")
	}
	for i, c := range clients {
		if code := c.closedWith(); code != 1012 {
			t.Errorf("client %d: closed with %d, want 1012", i, code)
		}
		if _, err := c.in.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("client %d: after the close came %v", i, err)
		}
		c.conn.Close()
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestTLSReload: a certificate that has changed is in force without a restart, one that is
// broken is not, and who is connected stays.
func TestTLSReload(t *testing.T) {
	cert := newCertified(t, 1)
	g := start(t, cert.flags()...)
	before := g.connectTLS(cert)
	serial := func() int64 {
		c, err := tls.Dial("tcp", g.public, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Errorf("the first certificate is number %d", got)
	}
	cert.renew(2)
	eventually(t, "the second certificate is in force", func() bool { return serial() == 2 })
	if err := os.WriteFile(cert.key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log says that it is broken", func() bool { return strings.Contains(g.log.String(), "the certificate cannot be read") })
	if got := serial(); got != 2 {
		t.Errorf("after a broken one number %d is in force", got)
	}
	cert.renew(3)
	eventually(t, "the third certificate is in force", func() bool { return serial() == 3 })
	before.join("a")
}

// TestTLSBehindProxy: the PROXY protocol comes before TLS, and what is said inside counts
// too.
func TestTLSBehindProxy(t *testing.T) {
	cert := newCertified(t, 1)
	g := start(t, cert.flags("--set", "log.level=debug", "--set", "proxies.trusted=127.0.0.1", "--set", "proxies.protocol=true")...)
	bare, _ := raw(t, g.public, "PROXY TCP4 203.0.113.7 127.0.0.1 4711 443\r\n")
	config := cert.trust()
	config.ServerName = "127.0.0.1"
	c := tls.Client(bare, config)
	if _, err := io.WriteString(c, handshake(g.public)); err != nil {
		t.Fatal(err)
	}
	if got := answered(t, c); got != http.StatusSwitchingProtocols {
		t.Errorf("answered with %d", got)
	}
	c.Close()
	g.saw("203.0.113.7:4711")
}

// TestTLSSilent: who says nothing is cut off, before its handshake and in it.
func TestTLSSilent(t *testing.T) {
	cert := newCertified(t, 1)
	g := start(t, cert.flags("--set", "limits.handshake_timeout=200ms")...)
	for _, text := range []string{"", "\x16\x03\x01"} {
		c, in := raw(t, g.public, text)
		if _, err := io.Copy(io.Discard, in); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%q: %v", text, err)
		}
		c.Close()
	}
}
