package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const key = "an-access-key-of-thirty-two-bytes"

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// pair is a private key in PEM and what belongs to it.
type pair struct {
	name       string
	private    crypto.Signer
	pem        []byte // the public half
	algorithms []string
}

// pairs are one key of each type, made once.
var pairs = sync.OnceValue(func() []pair {
	r, _ := rsa.GenerateKey(rand.Reader, 2048)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	return []pair{
		{"RSA", r, publicPEM(r), []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}},
		{"P-256", p256, publicPEM(p256), []string{"ES256"}},
		{"P-384", p384, publicPEM(p384), []string{"ES384"}},
		{"P-521", p521, publicPEM(p521), []string{"ES512"}},
		{"Ed25519", ed, publicPEM(ed), []string{"EdDSA"}},
	}
})

func publicPEM(private crypto.Signer) []byte {
	der, _ := x509.MarshalPKIXPublicKey(private.Public())
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func privatePEM(t testing.TB, private crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// publicKeys are the keys of PEM.
func publicKeys(t testing.TB, content []byte) []Key {
	t.Helper()
	all, err := ParsePEM(content, "test.pem")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// usual are the rules that the settings have unless they are told otherwise.
var usual = Rules{Leeway: 5 * time.Minute, RequireExpiry: true}

// secrets are Keys of access keys.
func secrets(t testing.TB, rules Rules, all ...string) *Keys {
	t.Helper()
	k := NewKeys(rules, nil)
	var parsed []Key
	for _, s := range all {
		one, err := SecretKey(s, "keys")
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, one)
	}
	k.Replace("keys", parsed)
	return k
}

// signed is a token with any claims, method and key, and further header members.
func signed(t testing.TB, method jwt.SigningMethod, with any, c jwt.MapClaims, header ...string) string {
	t.Helper()
	token := jwt.NewWithClaims(method, c)
	for i := 0; i < len(header); i += 2 {
		token.Header[header[i]] = header[i+1]
	}
	s, err := token.SignedString(with)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// raw is a token of any JSON, signed with the access key.
func raw(t testing.TB, header, claims string) string {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	signature, err := jwt.SigningMethodHS256.Sign(text, []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func good() jwt.MapClaims {
	return jwt.MapClaims{
		"aud": "https://gateway.example/client/hubs/Chat", "sub": "ann", "exp": now.Add(time.Hour).Unix(),
		"role": []string{"webpubsub.joinLeaveGroup.a", "webpubsub.sendToGroup"}, "webpubsub.group": "a",
	}
}

// otherP256 is a key on P-256 that nobody else has.
func otherP256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
