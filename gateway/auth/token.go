package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

// token is a JWT in its parts (RFC 7519, in the compact form of RFC 7515), of which
// nothing is believed yet.
type token struct {
	header    header
	claims    claims
	signed    string // what the signature is of
	signature []byte
}

// header is what says how a token is signed. What else it may have is for others;
// above all no key, and no address of one, is taken out of it.
type header struct {
	Algorithm string   `json:"alg"`
	KeyID     string   `json:"kid"`
	Critical  []string `json:"crit"`
}

// claims are those of the client protocol. role and webpubsub.group may be a
// string or a list; ClaimStrings reads both.
type claims struct {
	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  jwt.ClaimStrings `json:"aud"`
	Expires   *date            `json:"exp"`
	NotBefore *date            `json:"nbf"`
	IssuedAt  *date            `json:"iat"`
	Roles     jwt.ClaimStrings `json:"role"`
	Groups    jwt.ClaimStrings `json:"webpubsub.group"`
}

// date is a NumericDate: seconds since 1970, perhaps with a fraction.
type date float64

// latest is the end of the year 9999. A date beyond it is a mistake, milliseconds most
// often, and would never come.
const latest = 253402300799

func (d date) valid() bool { return d >= 0 && d <= latest }

// unix is the first second that is not before the date.
func (d date) unix() int64 { return int64(math.Ceil(float64(d))) }

// parse takes a token apart. JSON is read to the letter: names in their own case, each
// once, so that nobody reads another token out of it than we do.
func parse(text string) (*token, *Refusal) {
	parts := strings.SplitN(text, ".", 4)
	if len(parts) != 3 {
		return nil, &Refusal{Malformed, "it is neither an access key nor a JWT: send it whole, as it was made",
			fmt.Sprintf("%d parts instead of 3", len(parts))}
	}
	t := &token{signed: text[:len(parts[0])+1+len(parts[1])]}
	var err error
	if t.signature, err = segment(parts[2]); err != nil {
		return nil, &Refusal{Malformed, "its signature is not in base64url: send it whole, as it was made", ""}
	}
	if err := readSegment(parts[0], &t.header); err != nil {
		return nil, &Refusal{Malformed, "its header is not what a JWT's is", err.Error()}
	}
	if err := readSegment(parts[1], &t.claims); err != nil {
		return nil, &Refusal{Malformed, "its claims are not what they should be: exp, nbf and iat are numbers, sub and iss strings, aud, role and webpubsub.group strings or lists of them", err.Error()}
	}
	if len(t.header.Critical) > 0 {
		return nil, &Refusal{Malformed, "its header has crit, and this gateway knows none of the extensions that a token may ask for", ""}
	}
	return t, nil
}

// segment decodes without leniency: one token has one spelling. Go's decoder overlooks
// the ends of lines.
func segment(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("it has line ends")
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

// readSegment reads one part into a struct. The error is of one line, and says at most
// a little of the content.
func readSegment(text string, into any) error {
	content, err := segment(text)
	if err != nil {
		return errors.New("it is not in base64url")
	}
	if err := json.Unmarshal(content, into); err != nil {
		return errors.New(quoted(err.Error()))
	}
	return nil
}

// verifiedBy is the key that has signed the token, of those that may: their type says
// with which algorithms. A token that names a key is held to that one, unless none has
// that name; keys without a name are tried with every token.
func (t *token) verifiedBy(keys []Key) (Key, *Refusal) {
	method := jwt.GetSigningMethod(t.header.Algorithm)
	if method == nil || !slices.Contains(algorithms, t.header.Algorithm) {
		return Key{}, &Refusal{Algorithm, "its algorithm (alg) is none that a gateway accepts: " + strings.Join(algorithms, ", "),
			"alg " + quoted(t.header.Algorithm)}
	}
	fits := func(k Key) bool { return slices.Contains(k.algorithms, t.header.Algorithm) }
	if !slices.ContainsFunc(keys, fits) {
		return Key{}, &Refusal{UnknownKey, "this gateway has no key for its algorithm (alg), " + t.header.Algorithm, t.about(keys)}
	}
	isNamed := func(k Key) bool { return t.header.KeyID != "" && k.ID == t.header.KeyID }
	named := slices.ContainsFunc(keys, isNamed)
	tried := 0
	for _, k := range keys {
		chosen := isNamed(k) || !named && (k.ID == "" || t.header.KeyID == "")
		if !chosen || !fits(k) {
			continue
		}
		tried++
		if method.Verify(t.signed, t.signature, k.public) == nil {
			return k, nil
		}
	}
	if tried == 0 || t.header.KeyID != "" && !named {
		return Key{}, &Refusal{UnknownKey, "no key of this gateway has signed it: its maker's key is not, or no longer, among them", t.about(keys)}
	}
	return Key{}, &Refusal{Signature, "its signature is not that of the gateway's key: sign it with a key of this gateway, and send it as it was made", t.about(keys)}
}

// about is how the token says that it is signed, and with what it could have been.
func (t *token) about(keys []Key) string {
	const most = 10
	var all []string
	for _, k := range keys[:min(len(keys), most)] {
		all = append(all, k.String())
	}
	if more := len(keys) - most; more > 0 {
		all = append(all, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("alg %s, kid %s; the keys are: %s", quoted(t.header.Algorithm), quoted(t.header.KeyID), strings.Join(all, "; "))
}
