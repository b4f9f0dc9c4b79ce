package auth

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TestAlgorithms: each algorithm is verified by the key that it is of, alone and among
// others, and by no other key.
func TestAlgorithms(t *testing.T) {
	claims := Claims{User: "ann", Hub: "chat", Expires: now.Add(time.Hour)}
	secret, err := SecretSigner(key, "keys")
	if err != nil {
		t.Fatal(err)
	}
	signers, sets := []Signer{secret}, [][]Key{{secret.Key}}
	for _, p := range pairs() {
		s, err := ParseSigner(privatePEM(t, p.private), p.name)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Algorithms(); !slices.Equal(got, p.algorithms) {
			t.Errorf("%s: %v, want %v", p.name, got, p.algorithms)
		}
		signers, sets = append(signers, s), append(sets, publicKeys(t, p.pem))
	}
	tried := 0
	for i, s := range signers {
		for _, algorithm := range s.Algorithms() {
			tried++
			token, err := s.Sign(claims, algorithm)
			if err != nil {
				t.Fatal(err)
			}
			for j, set := range append(sets, slices.Concat(sets...)) {
				k := NewKeys(usual, nil)
				k.Replace("x", set)
				identity, err := k.Client(token, "chat", now)
				if right := i == j || j == len(sets); right && (err != nil || identity.User != "ann") || !right && !errors.Is(err, ErrInvalid) {
					t.Errorf("%s with key set %d: %+v, %v", algorithm, j, identity, err)
				}
			}
		}
	}
	if tried != len(algorithms) {
		t.Errorf("%d algorithms were tried, want %d", tried, len(algorithms))
	}
}

// TestConfusion: what a public key's holder could make of it. Everybody has it.
func TestConfusion(t *testing.T) {
	f := func(what string, keys []Key, token string, want Reason) {
		t.Helper()
		k := NewKeys(usual, nil)
		k.Replace("x", keys)
		i, err := k.Client(token, "chat", now)
		var bad *Refusal
		if !errors.As(err, &bad) || bad.Reason != want {
			t.Errorf("%s: %+v, %v, want %s", what, i, err, want)
		}
	}
	hmacs := []jwt.SigningMethod{jwt.SigningMethodHS256, jwt.SigningMethodHS384, jwt.SigningMethodHS512}
	for _, p := range pairs() {
		public := publicKeys(t, p.pem)
		block, _ := pem.Decode(p.pem)
		raw, _ := x509.MarshalPKIXPublicKey(p.private.Public())
		for _, method := range hmacs {
			for _, secret := range [][]byte{p.pem, bytes.TrimSpace(p.pem), block.Bytes, raw, {}} {
				f(p.name+" as the secret of "+method.Alg(), public, signed(t, method, secret, good()), UnknownKey)
			}
			// Nor does it help that there are secrets too.
			both := append(publicKeys(t, p.pem), mustSecret(t, key))
			f(p.name+" beside a secret", both, signed(t, method, p.pem, good()), Signature)
		}
		f("none", public, signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good()), Algorithm)
	}
	r, p256, p384 := pairs()[0], pairs()[1], pairs()[2]
	rsa := publicKeys(t, r.pem)
	// A signature of one algorithm under another's name.
	rs := signed(t, jwt.SigningMethodRS256, r.private, good())
	_, signature, _ := cutLast(rs)
	ps := signed(t, jwt.SigningMethodPS256, r.private, good())
	head, _, _ := cutLast(ps)
	f("RS256 named PS256", rsa, head+"."+signature, Signature)
	f("another curve", publicKeys(t, p384.pem), signed(t, jwt.SigningMethodES256, p256.private, good()), UnknownKey)
	// A key, or where to get one, in the token itself.
	for _, member := range []string{"jwk", "jku", "x5u", "x5c"} {
		f(member, rsa, signed(t, jwt.SigningMethodES256, p256.private, good(), member, "http://127.0.0.1:1/evil"), UnknownKey)
	}
	for _, name := range []string{"None", "NONE", "nOnE", "", "HS1", "hs256", "RS1", "ES256K", "dir"} {
		f("alg "+name, []Key{mustSecret(t, key)}, rawWith(t, `{"alg":"`+name+`"}`), Algorithm)
	}
}

// cutLast is a token without its signature, and the signature.
func cutLast(token string) (rest, last string, ok bool) {
	i := strings.LastIndexByte(token, '.')
	return token[:max(i, 0)], token[i+1:], i >= 0
}

func mustSecret(t testing.TB, secret string) Key {
	t.Helper()
	k, err := SecretKey(secret, "keys")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// rawWith is a token with any header, and else right.
func rawWith(t testing.TB, header string) string {
	t.Helper()
	return raw(t, header, `{"aud":"http://h/client/hubs/chat","exp":9999999999}`)
}

// TestKeyID: a token that names a key is held to it.
func TestKeyID(t *testing.T) {
	a, b := pairs()[0].private, pairs()[1].private
	keyOf := func(of int, id string) Key {
		k, err := PublicKey(pairs()[of].private.Public(), id, "set")
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	asked := 0
	k := NewKeys(usual, func() { asked++ })
	f := func(what, token string, want Reason, wantAsked int) {
		t.Helper()
		asked = 0
		_, err := k.Client(token, "chat", now)
		var bad *Refusal
		if got := errors.As(err, &bad); got != (want != "") || got && bad.Reason != want {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
		if asked != wantAsked {
			t.Errorf("%s: new keys were asked for %d times, want %d", what, asked, wantAsked)
		}
	}
	rs, es := jwt.SigningMethodRS256, jwt.SigningMethodES256
	k.Replace("set", []Key{keyOf(0, "one"), keyOf(1, "two")})
	f("named", signed(t, rs, a, good(), "kid", "one"), "", 0)
	f("not named", signed(t, es, b, good()), "", 0)
	f("named wrongly", signed(t, es, b, good(), "kid", "one"), UnknownKey, 1)
	f("of a key that is not there", signed(t, rs, a, good(), "kid", "three"), UnknownKey, 1)
	f("not named, of another", signed(t, es, otherP256(t), good()), Signature, 0)
	// The same name twice: the algorithm tells them apart.
	k.Replace("set", []Key{keyOf(0, "one"), keyOf(1, "one")})
	f("one of two of a name", signed(t, es, b, good(), "kid", "one"), "", 0)
	// A key without a name fits any.
	k.Replace("set", []Key{keyOf(0, "one"), keyOf(1, "")})
	f("named, by a key without a name", signed(t, es, b, good(), "kid", "three"), "", 0)
	f("named as another", signed(t, es, b, good(), "kid", "one"), UnknownKey, 1)
}
