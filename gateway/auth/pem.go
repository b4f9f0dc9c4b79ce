package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// ParsePEM reads the public keys of a file: PUBLIC KEY, RSA PUBLIC KEY and
// CERTIFICATE blocks, one or more. A private key has no place there, and is refused.
// Its errors are of one line and hold nothing of the content.
func ParsePEM(content []byte, source string) ([]Key, error) {
	var keys []Key
	for {
		block, rest := pem.Decode(content)
		if block == nil {
			break
		}
		content = rest
		public, err := publicBlock(block)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		key, err := PublicKey(public, "", fmt.Sprintf("%s[%d]", source, len(keys)))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: no public key in it: want PEM, which begins with -----BEGIN PUBLIC KEY-----", source)
	}
	return keys, nil
}

// publicBlock is the key of one block. The types of x509's errors are dropped: they
// quote what they could not read.
func publicBlock(block *pem.Block) (public any, err error) {
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = certificate.PublicKey
		}
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY":
		return nil, fmt.Errorf("it has a private key: the gateway verifies and needs the public one alone: openssl pkey -in KEY -pubout")
	default:
		return nil, fmt.Errorf("it has a block %s: want PUBLIC KEY or CERTIFICATE", quoted(block.Type))
	}
	if err != nil {
		return nil, fmt.Errorf("its %s block cannot be read", block.Type)
	}
	return public, nil
}

// Signer is a key that tokens are signed with: an access key, or the private half of
// a pair whose public half a gateway has.
type Signer struct {
	Key
	private any
}

// ParseSigner reads a signer from a file's content: a private key in PEM, or the text
// of an access key.
func ParseSigner(content []byte, source string) (Signer, error) {
	block, _ := pem.Decode(content)
	if block == nil {
		return SecretSigner(firstLine(content), source)
	}
	private, err := privateBlock(block)
	if err != nil {
		return Signer{}, fmt.Errorf("%s: %w", source, err)
	}
	var public any
	switch p := private.(type) {
	case *rsa.PrivateKey:
		public = &p.PublicKey
	case *ecdsa.PrivateKey:
		public = &p.PublicKey
	case ed25519.PrivateKey:
		public = p.Public()
	}
	key, err := PublicKey(public, "", source)
	return Signer{Key: key, private: private}, err
}

// SecretSigner signs with an access key.
func SecretSigner(secret, source string) (Signer, error) {
	key, err := SecretKey(secret, source)
	return Signer{Key: key, private: []byte(secret)}, err
}

func privateBlock(block *pem.Block) (private any, err error) {
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
		return nil, fmt.Errorf("it has a public key, which verifies: to sign takes the private one")
	default:
		return nil, fmt.Errorf("it has a block %s: want PRIVATE KEY, without a password: openssl pkey -in KEY", quoted(block.Type))
	}
	if err != nil {
		return nil, fmt.Errorf("its %s block cannot be read", block.Type)
	}
	return private, nil
}
