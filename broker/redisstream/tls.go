package redisstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLS is what rediss:// needs besides the system's authorities; all of it may be empty.
// That the server is not verified cannot be configured.
type TLS struct {
	CAFile   string // certificates of the authorities that the servers' are of, PEM; read once
	CertFile string // the client's certificate, PEM; read for each connection, so that it may be renewed
	KeyFile  string // and its key
}

// config is the library's form of it; nil if there is no TLS.
func (t TLS) config(wanted bool) (*tls.Config, error) {
	if !wanted {
		if t != (TLS{}) {
			return nil, errors.New("redisstream: redis.tls is set, and the broker's URL does not ask for TLS: its scheme has to begin with rediss")
		}
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("redisstream: redis.tls.ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("redisstream: redis.tls.ca_file: %s has no certificate in it; want PEM", t.CAFile)
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, errors.New("redisstream: redis.tls.cert_file and redis.tls.key_file go together; one of them is missing")
	}
	if t.CertFile == "" {
		return c, nil
	}
	load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("redisstream: redis.tls.cert_file, redis.tls.key_file: %w", err)
		}
		return &pair, nil
	}
	if _, err := load(nil); err != nil {
		return nil, err
	}
	c.GetClientCertificate = load
	return c, nil
}
