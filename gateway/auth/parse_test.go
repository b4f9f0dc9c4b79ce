package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// TestParsePEM: public keys and certificates, one or more, and nothing else.
func TestParsePEM(t *testing.T) {
	r := pairs()[0]
	private, _ := r.private.(*rsa.PrivateKey)
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotAfter: now}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, r.private.Public(), r.private)
	if err != nil {
		t.Fatal(err)
	}
	f := func(content []byte, want int) {
		t.Helper()
		keys, err := ParsePEM(content, "k.pem")
		if len(keys) != want || (err == nil) != (want > 0) {
			t.Errorf("%d keys, %v, want %d", len(keys), err, want)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), "k.pem") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("no error of ours: %v", err)
		}
	}
	var all []byte
	for _, p := range pairs() {
		f(p.pem, 1)
		all = append(append(all, "a comment\n"...), p.pem...)
	}
	f(all, len(pairs()))
	f(block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&private.PublicKey)), 1)
	f(block("CERTIFICATE", certificate), 1)
	f(nil, 0)
	f([]byte(key), 0)
	f(block("PUBLIC KEY", []byte("x")), 0)
	f(append(bytes.Clone(r.pem), block("PUBLIC KEY", nil)...), 0)
	f(privatePEM(t, r.private), 0)
	f(block("EC PARAMETERS", []byte("x")), 0)
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	f(publicPEM(p224), 0)
	weak, _ := rsa.GenerateKey(rand.Reader, 1024)
	f(publicPEM(weak), 0)
}

// TestParseSigner: private keys in each of their forms, and text.
func TestParseSigner(t *testing.T) {
	rsaKey, _ := pairs()[0].private.(*rsa.PrivateKey)
	ecKey, _ := pairs()[1].private.(*ecdsa.PrivateKey)
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	for kind, der := range map[string][]byte{"RSA PRIVATE KEY": x509.MarshalPKCS1PrivateKey(rsaKey), "EC PRIVATE KEY": sec1} {
		if _, err := ParseSigner(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), "k"); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if s, err := ParseSigner([]byte("# mine\n\n "+key+" \nanother-key-of-mine\n"), "k"); err != nil || string(s.private.([]byte)) != key {
		t.Errorf("a text file: %v", err)
	}
	for _, content := range [][]byte{nil, []byte("short"), pairs()[0].pem, []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")} {
		if _, err := ParseSigner(content, "k"); err == nil || strings.Contains(err.Error(), "short") {
			t.Errorf("%.30q: %v", content, err)
		}
	}
}

// TestParseSecrets: one a line.
func TestParseSecrets(t *testing.T) {
	keys, err := ParseSecrets([]byte("# new\n"+key+"\r\n\n  the-old-one-of-both  "), "f")
	if err != nil || len(keys) != 2 || string(keys[1].public.([]byte)) != "the-old-one-of-both" {
		t.Errorf("%v, %v", keys, err)
	}
	for _, content := range []string{"", "# only this", key + "\nshort-s3cret", string(pairs()[0].pem)} {
		if keys, err := ParseSecrets([]byte(content), "f"); err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "MII") {
			t.Errorf("%.20q: %v, %v", content, keys, err)
		}
	}
}

// jwkJSON is a public key as an issuer serves it.
func jwkJSON(t *testing.T, public any, metadata jwkset.JWKMetadataOptions) string {
	t.Helper()
	k, err := jwkset.NewJWKFromKey(public, jwkset.JWKOptions{Metadata: metadata})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(k.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestParseJWKS: what verifies is taken, what does not is left out, and says why.
func TestParseJWKS(t *testing.T) {
	var members []string
	for i, p := range pairs() {
		members = append(members, jwkJSON(t, p.private.Public(), jwkset.JWKMetadataOptions{KID: fmt.Sprint(i), USE: jwkset.UseSig}))
	}
	keys, skipped, err := ParseJWKS([]byte(`{"keys":[`+strings.Join(members, ",")+`],"more":1}`), "set")
	if err != nil || len(skipped) > 0 || len(keys) != len(pairs()) {
		t.Fatalf("%d keys, %v, %v", len(keys), skipped, err)
	}
	k := NewKeys(usual, nil)
	k.Replace("set", keys)
	for i, p := range pairs() {
		token := signed(t, jwt.GetSigningMethod(p.algorithms[0]), p.private, good(), "kid", fmt.Sprint(i))
		if _, err := k.Client(token, "chat", now); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
	r := pairs()[0].private.Public()
	bad := map[string]string{
		`{"kty":"oct","k":"` + base64.RawURLEncoding.EncodeToString([]byte(key)) + `","alg":"HS256"}`: "a secret",
		jwkJSON(t, r, jwkset.JWKMetadataOptions{USE: jwkset.UseEnc}):                                  "its use",
		jwkJSON(t, r, jwkset.JWKMetadataOptions{KEYOPS: []jwkset.KEYOPS{jwkset.KeyOpsEncrypt}}):       "key_ops",
		jwkJSON(t, r, jwkset.JWKMetadataOptions{ALG: jwkset.AlgRSAOAEP256}):                           "alg",
		jwkJSON(t, pairs()[1].private.Public(), jwkset.JWKMetadataOptions{ALG: jwkset.AlgES384}):      "alg",
		`{"kty":"RSA","n":"AQAB","e":"AQAB"}`:                                                         "bits",
		`{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}`:                                                "cannot be read",
		`{"kty":"OKP","crv":"Ed448","x":"AQ"}`:                                                        "type",
		`{"kty":"AKP"}`:                                                                               "type",
		`{}`:                                                                                          "type",
	}
	for member, want := range bad {
		keys, skipped, err := ParseJWKS([]byte(`{"keys":[`+member+`,`+members[0]+`]}`), "set")
		if err != nil || len(keys) != 1 || len(skipped) != 1 || !strings.Contains(skipped[0].Error(), want) {
			t.Errorf("%.60s: %d keys, %v, %v, want %q", member, len(keys), skipped, err, want)
		}
		if _, _, err := ParseJWKS([]byte(`{"keys":[`+member+`]}`), "set"); err == nil {
			t.Errorf("%.60s alone is a set", member)
		}
	}
	for _, content := range []string{"", "{}", "[]", `{"keys":[]}`, `{"keys":7}`, "<html>"} {
		if _, _, err := ParseJWKS([]byte(content), "set"); err == nil {
			t.Errorf("%q is a set", content)
		}
	}
	many := strings.Repeat(members[4]+",", maxJWKS) + members[4]
	if keys, skipped, err := ParseJWKS([]byte(`{"keys":[`+many+`]}`), "set"); err != nil || len(keys) != maxJWKS || len(skipped) != 1 {
		t.Errorf("of %d keys %d were taken: %v, %v", maxJWKS+1, len(keys), skipped, err)
	}
}

// TestJWKAlgorithm: a JWK that names its algorithm is for that one.
func TestJWKAlgorithm(t *testing.T) {
	r := pairs()[0]
	keys, _, err := ParseJWKS([]byte(`{"keys":[`+jwkJSON(t, r.private.Public(), jwkset.JWKMetadataOptions{ALG: jwkset.AlgRS256})+`]}`), "set")
	if err != nil {
		t.Fatal(err)
	}
	k := NewKeys(usual, nil)
	k.Replace("set", keys)
	for _, algorithm := range r.algorithms {
		_, err := k.Client(signed(t, jwt.GetSigningMethod(algorithm), r.private, good()), "chat", now)
		if (err == nil) != (algorithm == "RS256") {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

// TestX5U: an address in a key set is not asked, and certificates are not looked at.
func TestX5U(t *testing.T) {
	member := jwkJSON(t, pairs()[4].private.Public().(ed25519.PublicKey), jwkset.JWKMetadataOptions{})
	member = strings.Replace(member, "{", `{"x5u":"http://127.0.0.1:1/","x5c":["x"],`, 1)
	if keys, skipped, err := ParseJWKS([]byte(`{"keys":[`+member+`]}`), "set"); err != nil || len(keys) != 1 || len(skipped) > 0 {
		t.Errorf("%v, %v, %v", keys, skipped, err)
	}
}

// TestHostileJWKS: an issuer's key that is of a kind but none, as one of a broken issuer
// would be, verifies nothing and breaks nothing.
func TestHostileJWKS(t *testing.T) {
	n := new(big.Int).Lsh(big.NewInt(1), 2047)
	encoded := func(i *big.Int) string { return base64.RawURLEncoding.EncodeToString(i.Bytes()) }
	odd := new(big.Int).Add(n, big.NewInt(1))
	for _, member := range []string{
		`{"kty":"RSA","n":"` + encoded(n) + `","e":"AQAB"}`, // even
		`{"kty":"RSA","n":"` + encoded(odd) + `","e":"AQ"}`, // what is signed is its own signature
		`{"kty":"RSA","n":"` + encoded(odd) + `","e":"Ag"}`, // an even exponent
		`{"kty":"RSA","n":"` + encoded(odd) + `","e":"` + encoded(n) + `"}`,
		`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`,
		`{"kty":"EC","crv":"P-256","x":"` + encoded(n) + `","y":"` + encoded(n) + `"}`,
		`{"kty":"OKP","crv":"Ed25519","x":"` + base64.RawURLEncoding.EncodeToString(make([]byte, 32)) + `"}`,
	} {
		keys, _, err := ParseJWKS([]byte(`{"keys":[`+member+`]}`), "set")
		if err != nil {
			continue
		}
		k := NewKeys(usual, nil)
		k.Replace("set", keys)
		for _, p := range pairs() {
			for _, algorithm := range p.algorithms {
				if i, err := k.Client(signed(t, jwt.GetSigningMethod(algorithm), p.private, good()), "chat", now); err == nil {
					t.Errorf("%.40s lets %+v in", member, i)
				}
			}
		}
	}
}
