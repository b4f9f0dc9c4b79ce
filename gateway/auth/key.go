package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"slices"
)

// Key is one key that tokens are verified with. Immutable.
type Key struct {
	ID     string // which tokens name as kid; empty: the key has no name and fits any
	Source string // where it came from, for people
	Kind   string // what it is, for people

	algorithms []string // that it may be used with, and no other: its type decides, not the token
	public     any      // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// Algorithms are those that the key verifies.
func (k Key) Algorithms() []string { return slices.Clone(k.algorithms) }

// The bounds of keys. Shorter secrets can be guessed from one token; shorter RSA keys
// are forbidden by RFC 7518 section 3.3, and longer ones make each handshake dear.
const (
	minSecretBytes = 16
	minRSABits     = 2048
	maxRSABits     = 8192
)

var (
	secretAlgorithms = []string{"HS256", "HS384", "HS512"}
	rsaAlgorithms    = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	curveAlgorithms  = map[elliptic.Curve]string{elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512"}
)

// algorithms is all that any key verifies. "none" is no signature and not among them.
var algorithms = slices.Concat(secretAlgorithms, rsaAlgorithms, []string{"ES256", "ES384", "ES512", "EdDSA"})

// SecretKey is an access key, of which the UTF-8 bytes sign.
func SecretKey(secret, source string) (Key, error) {
	if len(secret) < minSecretBytes {
		return Key{}, fmt.Errorf("%s: an access key has at least %d bytes: make one with: openssl rand -hex 32", source, minSecretBytes)
	}
	return Key{Source: source, Kind: "a secret", algorithms: secretAlgorithms, public: []byte(secret)}, nil
}

// PublicKey is the public half of a key that somebody else signs with. The id may be
// empty. Its errors are of one line and name the source.
func PublicKey(public any, id, source string) (Key, error) {
	k := Key{ID: id, Source: source, public: public}
	switch p := public.(type) {
	case *rsa.PublicKey:
		if bits := p.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return Key{}, fmt.Errorf("%s: an RSA key of %d bits: want %d to %d", source, bits, minRSABits, maxRSABits)
		}
		k.Kind, k.algorithms = fmt.Sprintf("an RSA key of %d bits", p.N.BitLen()), rsaAlgorithms
	case *ecdsa.PublicKey:
		algorithm, known := curveAlgorithms[p.Curve]
		if !known {
			return Key{}, fmt.Errorf("%s: an elliptic curve other than P-256, P-384 and P-521", source)
		}
		k.Kind, k.algorithms = "an EC key on "+p.Curve.Params().Name, []string{algorithm}
	case ed25519.PublicKey:
		k.Kind, k.algorithms = "an Ed25519 key", []string{"EdDSA"}
	default:
		return Key{}, fmt.Errorf("%s: a key of a type that signs no tokens: want RSA, EC or Ed25519", source)
	}
	return k, nil
}

// only is the key for one of its algorithms, as a JWK may ask for.
func (k Key) only(algorithm string) (Key, error) {
	if !slices.Contains(k.algorithms, algorithm) {
		return Key{}, fmt.Errorf("%s: its alg is %s, which %s does not verify", k.Source, quoted(algorithm), k.Kind)
	}
	k.algorithms = []string{algorithm}
	return k, nil
}

// String is the key for people. There is nothing secret in it.
func (k Key) String() string {
	if k.ID != "" {
		return fmt.Sprintf("%s, kid %s (%s)", k.Source, quoted(k.ID), k.Kind)
	}
	return fmt.Sprintf("%s (%s)", k.Source, k.Kind)
}
