package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/MicahParks/jwkset"
)

// maxJWKS is how many keys of a set are taken. Issuers have two to five.
const maxJWKS = 100

// ParseJWKS reads a JSON Web Key Set (RFC 7517). Keys that verify no tokens, or that
// cannot be read, are left out, and skipped says why: one of them must not keep the
// others away. A set with none that verifies is an error, so that whoever has keys keeps
// them: an issuer that has lost its own serves such a set.
func ParseJWKS(content []byte, source string) (keys []Key, skipped []error, err error) {
	var set struct {
		Keys []jwkset.JWKMarshal `json:"keys"`
	}
	if err := json.Unmarshal(content, &set); err != nil {
		return nil, nil, fmt.Errorf("%s: no JSON Web Key Set: want {\"keys\":[…]}", source)
	}
	for i, member := range set.Keys {
		if len(keys) == maxJWKS {
			skipped = append(skipped, fmt.Errorf("%s: it has more than %d keys: the others are not used", source, maxJWKS))
			break
		}
		key, err := jwk(member, source)
		if err != nil {
			skipped = append(skipped, fmt.Errorf("key %d, kid %s: %w", i, quoted(member.KID), err))
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, skipped, fmt.Errorf("%s: a key set without a key that verifies tokens", source)
	}
	return keys, skipped, nil
}

// jwk is one key of a set. A certificate in it is not looked at, and its address above
// all not asked: the set itself came from whom we trust.
func jwk(member jwkset.JWKMarshal, source string) (Key, error) {
	switch {
	case member.USE != "" && member.USE != jwkset.UseSig:
		return Key{}, fmt.Errorf("%s: its use is %s", source, quoted(member.USE.String()))
	case len(member.KEYOPS) > 0 && !slices.Contains(member.KEYOPS, jwkset.KeyOpsVerify):
		return Key{}, fmt.Errorf("%s: its key_ops do not have verify", source)
	case member.KTY == jwkset.KtyOct:
		return Key{}, fmt.Errorf("%s: a secret, which everybody who reads the set knows", source)
	}
	member.X5U, member.X5C, member.X5T, member.X5TS256 = "", nil, "", ""
	parsed, err := jwkset.NewJWKFromMarshal(member, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if errors.Is(err, jwkset.ErrUnsupportedKey) {
		return Key{}, fmt.Errorf("%s: a key of a type that signs no tokens: want RSA, EC or Ed25519", source)
	} else if err != nil {
		return Key{}, fmt.Errorf("%s: it cannot be read: %s", source, quoted(err.Error()))
	}
	key, err := PublicKey(parsed.Key(), member.KID, source)
	if err == nil && member.ALG != "" {
		return key.only(member.ALG.String())
	}
	return key, err
}
