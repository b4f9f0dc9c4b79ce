package auth

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
)

// FuzzPattern holds matching against regexp, into which each pattern is translated.
func FuzzPattern(f *testing.F) {
	f.Add("a.*.?**", "a.b.c")
	f.Add(`\*a*\\`, `*ab\`)
	f.Add("**a*b", "x.a.ab")
	f.Fuzz(func(t *testing.T, text, group string) {
		p, ok := compile(text)
		if !ok || !utf8.ValidString(text) || !utf8.ValidString(group) {
			return
		}
		var b strings.Builder
		for _, token := range p {
			switch token {
			case anything:
				b.WriteString(".*")
			case anySegment:
				b.WriteString("[^.]*")
			case anyOne:
				b.WriteString("[^.]")
			default:
				b.WriteString(regexp.QuoteMeta(string(token)))
			}
		}
		want := regexp.MustCompile(`(?s)\A` + b.String() + `\z`).MatchString(group)
		if got := p.matches(group); got != want {
			t.Errorf("%q, %q: %v, and regexp says %v", text, group, got, want)
		}
	})
}

// FuzzJWKS: whatever an issuer serves is an error, or keys that can be asked and said.
func FuzzJWKS(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a","use":"sig","alg":"EdDSA"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","key_ops":["verify"]}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"AQAB"},{"kty":"AKP"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"00","e":"AA"}]}`)) // the library's error has two lines
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x5u":"http://127.0.0.1:1/","x5c":["x"]}]}`))
	es := signed(f, jwt.SigningMethodES256, pairs()[1].private, good())
	ed := signed(f, jwt.SigningMethodEdDSA, pairs()[4].private, good())
	f.Fuzz(func(t *testing.T, content []byte) {
		keys, skipped, err := ParseJWKS(content, "set")
		if err != nil && strings.ContainsAny(err.Error(), "\r\n") || (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys, %q", len(keys), err)
		}
		for _, why := range skipped {
			if strings.ContainsAny(why.Error(), "\r\n") {
				t.Errorf("no line of a log: %q", why)
			}
		}
		k := NewKeys(usual, nil)
		k.Replace("set", keys)
		for _, token := range []string{es, ed} {
			if i, err := k.Client(token, "chat", now); err == nil {
				t.Errorf("%+v was let in", i)
			}
		}
	})
}

// FuzzToken: no token makes the check fail otherwise than with an error of ours, none
// that we did not sign is accepted, and neither text has more than one line.
func FuzzToken(f *testing.F) {
	f.Add(signed(f, jwt.SigningMethodHS256, []byte(key), good()))
	f.Add(signed(f, jwt.SigningMethodRS256, pairs()[0].private, good(), "kid", "one"))
	f.Add(signed(f, jwt.SigningMethodES256, pairs()[1].private, good()))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(raw(f, `{"alg":"HS256","crit":["exp"]}`, `{"exp":1e300}`))
	f.Add(raw(f, `{"alg":"PS256","kid":"\u0000"}`, `{"exp":9999999999,"aud":["/client/hubs/chat"],"role":["a"]}`))
	signers := []Key{mustSecret(f, "a key that signed none of these")}
	for _, p := range pairs()[2:] {
		signers = append(signers, publicKeys(f, p.pem)...)
	}
	keys := NewKeys(usual, func() {})
	keys.Replace("x", signers)
	f.Fuzz(func(t *testing.T, token string) {
		if i, err := keys.Client(token, "chat", now); err == nil {
			t.Errorf("accepted as %+v", i)
		}
		for _, bad := range keys.Explain(token, "chat", now).Faults {
			if all := bad.Error() + bad.Detail(); strings.ContainsAny(all, "\r\n") || len(all) > 4096 {
				t.Errorf("no line of a log: %q", all)
			}
		}
		// What can be taken apart is what is verified: nothing before or behind it.
		if parsed, bad := parse(token); bad == nil {
			if whole := parsed.signed + "." + base64.RawURLEncoding.EncodeToString(parsed.signature); whole != token {
				t.Errorf("%q is read as %q", token, whole)
			}
			parsed.claims.identity(time.Minute)
		}
	})
}

// FuzzClaims: of tokens whose signature is right, none is accepted that the library's own
// check refuses, with the algorithm that it was signed with and no other, and the client
// is who the library reads in it.
func FuzzClaims(f *testing.F) {
	const whole = `{"aud":["https://h/client/hubs/chat/"],"sub":"ann","exp":1795521600,"nbf":1,"iat":1.5,"role":"a","webpubsub.group":["g","h"]}`
	for i, header := range []string{`{"alg":"HS256"}`, `{"alg":"ES256","typ":"JWT"}`, `{"alg":"EdDSA"}`, `{"alg":"none"}`, `{"alg":"HS256","crit":[]}`, `{"alg":null}`, `{"alg":"hs256"}`} {
		f.Add(header, whole, uint8(i))
	}
	for _, claims := range []string{`{"aud":"/client/hubs/chat","exp":1e9}`, `{"aud":"/client/hubs/chat","exp":1795521600.5,"sub":null}`, `{"aud":"?","exp":null}`,
		`{"aud":"/client/hubs/CHAT?x=/client/hubs/game","exp":9999999999}`, `{"aud":"//client/hubs/chat","exp":9999999999}`, `{"aud":["/%63lient/hubs/chat",1],"exp":9999999999}`} {
		f.Add(`{"alg":"HS256"}`, claims, uint8(0))
	}
	private := []any{[]byte(key), pairs()[1].private, pairs()[4].private}
	public := []any{[]byte(key), pairs()[1].private.Public(), pairs()[4].private.Public()}
	methods := []jwt.SigningMethod{jwt.SigningMethodHS256, jwt.SigningMethodES256, jwt.SigningMethodEdDSA}
	keys := NewKeys(usual, nil)
	keys.Replace("all", append(append(publicKeys(f, pairs()[1].pem), publicKeys(f, pairs()[4].pem)...), mustSecret(f, key)))
	library := jwt.NewParser(jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithLeeway(usual.Leeway), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding())
	f.Fuzz(func(t *testing.T, header, claims string, which uint8) {
		n := int(which) % len(methods)
		text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		signature, err := methods[n].Sign(text, private[n])
		if err != nil {
			t.Fatal(err)
		}
		text += "." + base64.RawURLEncoding.EncodeToString(signature)
		i, err := keys.Client(text, "chat", now)
		if err != nil {
			return
		}
		read := jwt.MapClaims{}
		token, err := library.ParseWithClaims(text, read, func(token *jwt.Token) (any, error) { return public[n], nil })
		if exp, _ := read["exp"].(float64); err != nil && exp == float64(int64(exp)) {
			t.Fatalf("%s %s is accepted, and the library says %v", header, claims, err)
		} else if err != nil {
			return // the library counts whole seconds
		}
		user, _ := read["sub"].(string)
		audience, _ := read.GetAudience()
		if token.Method != methods[n] || i.User != user || !slices.ContainsFunc(audience, func(a string) bool {
			u, err := url.Parse(a)
			return err == nil && strings.EqualFold(strings.Trim(u.Path, "/"), "client/hubs/chat")
		}) {
			t.Fatalf("%s %s is accepted as %+v", header, claims, i)
		}
		if exp, _ := read["exp"].(float64); i.Expires < int64(exp) || i.Expires > int64(exp)+1 || i.Lapses != i.Expires+300 {
			t.Fatalf("%s ends at %d, and lapses at %d", claims, i.Expires, i.Lapses)
		}
		if groups, _ := read["webpubsub.group"].([]any); groups != nil && fmt.Sprint(groups) != fmt.Sprint(i.Groups) || slices.ContainsFunc(i.Groups, func(g string) bool { return g == "" || g[0] == '.' }) {
			t.Fatalf("%s names groups %q", claims, i.Groups)
		}
	})
}

// FuzzKeyFiles: whatever a file of keys has, it is keys, or an error of one line that
// repeats nothing of it; and what is taken for a key is one.
func FuzzKeyFiles(f *testing.F) {
	var all []byte
	for _, p := range pairs() {
		f.Add(p.pem)
		f.Add(privatePEM(f, p.private))
		all = append(all, p.pem...)
	}
	f.Add(all)
	for _, text := range []string{"# new\n" + key + "\r\n\n the-old-one-of-both \n", "short", " -----BEGIN P", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"-----BEGIN \u0000-----\n-----END \u0000-----\n", key + "\n-----BEGIN PUBLIC KEY-----\n", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		keys, err := ParsePEM(content, "source")
		told(t, content, err, len(keys))
		for _, k := range keys {
			if _, secret := k.public.([]byte); secret || len(k.algorithms) == 0 || slices.ContainsFunc(k.algorithms, func(a string) bool { return strings.HasPrefix(a, "HS") || a == "none" }) {
				t.Fatalf("%+v is a public key", k)
			}
		}
		secrets, err := ParseSecrets(content, "source")
		told(t, content, err, len(secrets))
		for _, k := range secrets {
			secret := k.public.([]byte)
			if len(secret) < minSecretBytes || !bytes.Contains(content, secret) || bytes.ContainsAny(secret, "\n") || secret[0] == '#' || strings.Contains(k.String(), string(secret)) {
				t.Fatalf("%q is taken for %s", secret, k)
			}
		}
		signer, err := ParseSigner(content, "source")
		told(t, content, err, len(signer.algorithms))
		if err != nil {
			return
		}
		token, err := signer.Sign(Claims{Hub: "chat", Expires: now.Add(time.Hour)}, "")
		if err != nil {
			return // a private key that is none
		}
		k := NewKeys(usual, nil)
		k.Replace("x", []Key{signer.Key})
		if _, err := k.Client(token, "chat", now); err != nil {
			t.Fatalf("what it signs is refused: %v", err)
		}
	})
}

// told checks what is said of a file: keys or an error, of one line and without a line of
// the file in it.
func told(t *testing.T, content []byte, err error, keys int) {
	t.Helper()
	if (err == nil) != (keys > 0) {
		t.Fatalf("%d keys, %v", keys, err)
	}
	for line := range bytes.SplitSeq(content, []byte("\n")) {
		if err != nil && (strings.ContainsAny(err.Error(), "\r\n") || len(line) > 12 && !bytes.Contains([]byte("in it: want PEM, which begins with -----BEGIN PUBLIC KEY-----"), line) && strings.Contains(err.Error(), string(line))) {
			t.Fatalf("no error of ours: %q", err)
		}
	}
}

// FuzzRoles: a client may do what a role says, in the words of the protocol page, and
// nothing else; whoever makes a role that allows nothing is told.
func FuzzRoles(f *testing.F) {
	f.Add("webpubsub.joinLeaveGroup.lobby\nwebpubsub.sendToGroups.room.*", "room.7")
	f.Add("webpubsub.sendToGroup\nwebpubsub.joinLeaveGroup.", "")
	f.Add("webpubsub.joinLeaveGroups.\\*a?\nwebpubsub.sendToGroup.a.b", "a.b")
	f.Add("Webpubsub.sendToGroup\nwebpubsub.sendToGroupsx\n webpubsub.sendToGroup", "x")
	f.Fuzz(func(t *testing.T, text, group string) {
		roles := strings.Split(text, "\n")
		if len(roles) > maxPatterns {
			return
		}
		p := ParseRoles(roles)
		said := func(role string) bool {
			return slices.ContainsFunc(roles, func(r string) bool {
				name, isPattern := strings.CutPrefix(r, role+"s.")
				pattern, ok := compile(name)
				return r == role || group != "" && r == role+"."+group || isPattern && ok && pattern.matches(group)
			})
		}
		if join, send := p.MayJoin(group), p.MaySend(group); join != said(roleJoin) || send != said(roleSend) {
			t.Fatalf("%q allow to join %q: %v, to send: %v", roles, group, join, send)
		}
		for _, role := range roles {
			one := ParseRoles([]string{role})
			err := CheckRole(role)
			if allows := one.joinAll || one.sendAll || one.named != nil; allows != (err == nil) || err != nil && strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("%q allows something: %v, and is said to be %v", role, allows, err)
			}
		}
	})
}

// FuzzOrigin: a page is let in if the list has its origin, scheme, host and port as
// package url reads them, or a star above its host.
func FuzzOrigin(f *testing.F) {
	f.Add("https://app.example.com", "https://*.example.com")
	f.Add("https://example.com:443", "HTTPS://Example.com")
	f.Add("https://a@example.com", "https://example.com")
	f.Add("https://example.com.evil", "https://example.com")
	f.Add("https://[::1]:8000", "https://[0:0::1]:8000")
	f.Add("null", "null")
	f.Add("https://*.example.com", "https://*.example.com")
	f.Fuzz(func(t *testing.T, page, rule string) {
		if !AllowOrigin([]string{rule}, []string{page}, "gateway") || page == "" || rule == "*" {
			return
		}
		u, err := url.Parse(page)
		allowed, bad := url.Parse(strings.Replace(rule, "://*.", "://", 1))
		if err != nil || bad != nil || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.Hostname() == "" {
			t.Fatalf("%q is let in by %q: %v, %v", page, rule, err, bad)
		}
		port := func(u *url.URL) string { return strings.TrimPrefix(u.Port(), schemePorts[strings.ToLower(u.Scheme)]) }
		host, want := strings.ToLower(u.Hostname()), strings.ToLower(allowed.Hostname())
		fits := host == want || strings.Contains(host, ":")
		if strings.Contains(rule, "://*.") {
			fits = strings.HasSuffix(host, "."+want)
		}
		if !fits || !strings.EqualFold(u.Scheme, allowed.Scheme) || port(u) != port(allowed) {
			t.Fatalf("%q is let in by %q", page, rule)
		}
	})
}
