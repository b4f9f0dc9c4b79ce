package brokertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Secure is a server that is spoken to by TLS only, for one test. The files are PEM.
type Secure struct {
	*Redis
	CA        string // of the authority that the server's certificate is of
	Cert, Key string // of a client
}

// StartSecure starts one. It asks its clients for a certificate if strict.
func StartSecure(t testing.TB, strict bool) *Secure {
	t.Helper()
	s := &Secure{Redis: newRedis(t)}
	a := newAuthority(t, s.dir)
	s.CA = a.file
	s.Cert, s.Key = a.issue("client")
	cert, key := a.issue("server")
	auth := "no"
	if strict {
		auth = "yes"
	}
	s.args = []string{
		"--port", "0", "--tls-port", s.port, "--save", "", "--tls-ca-cert-file", s.CA,
		"--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", auth,
	}
	s.cli = []string{"--tls", "--cacert", s.CA, "--cert", s.Cert, "--key", s.Key}
	s.begin()
	return s
}

// URL is the server's address as a broker takes it.
func (s *Secure) URL() string { return "rediss://" + s.Addr() + "/0" }

// authority issues certificates for this machine.
type authority struct {
	t    testing.TB
	dir  string
	file string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, dir string) *authority {
	t.Helper()
	a := &authority{t: t, dir: dir}
	a.cert = a.template("authority")
	a.cert.IsCA, a.cert.BasicConstraintsValid, a.cert.KeyUsage = true, true, x509.KeyUsageCertSign
	a.file, _, a.key = a.sign(a.cert, a.cert, nil)
	return a
}

func (a *authority) template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
}

// issue makes a certificate and its key.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	cert, key, _ = a.sign(a.template(name), a.cert, a.key)
	return cert, key
}

// sign makes a key and has its certificate signed by another, or if there is none, by
// itself.
func (a *authority) sign(cert, parent *x509.Certificate, signer *ecdsa.PrivateKey) (certFile, keyFile string, key *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	name := cert.Subject.CommonName
	return a.write(name+".crt", "CERTIFICATE", der), a.write(name+".key", "PRIVATE KEY", private), key
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	file := filepath.Join(a.dir, name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return file
}
