package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// refused holds a refusal against what it should be. Neither what a client is told nor
// the log may have the token or a key in it.
func refused(t *testing.T, keys *Keys, what, token string, reason Reason, want string) {
	t.Helper()
	_, err := keys.Client(token, "chat", now)
	var bad *Refusal
	if !errors.As(err, &bad) || bad.Reason != reason || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %s with %q", what, err, reason, want)
		return
	}
	all := bad.Error() + bad.Detail()
	if _, signature, _ := cutLast(token); len(signature) > 8 && strings.Contains(all, signature) || strings.Contains(all, key) || strings.Contains(all, "\n") {
		t.Errorf("%s says too much: %s", what, all)
	}
}

// changed is a good token with one claim changed, or, with nil, left out.
func changed(t *testing.T, name string, value any) string {
	t.Helper()
	c := good()
	if c[name] = value; value == nil {
		delete(c, name)
	}
	return signed(t, jwt.SigningMethodHS256, []byte(key), c)
}

// TestBadForm: what is no token, or not as it was made.
func TestBadForm(t *testing.T) {
	keys := secrets(t, usual, key)
	f := func(what, token string, reason Reason, want string) {
		t.Helper()
		refused(t, keys, what, token, reason, want)
	}
	const head = `{"alg":"HS256"}`
	whole := changed(t, "sub", "ann")
	rest, signature, _ := cutLast(whole)
	f("none", "", Missing, "access_token")
	f("garbage", "garbage", Malformed, "nor a JWT")
	f("two parts", rest, Malformed, "nor a JWT")
	f("four parts", whole+".x", Malformed, "nor a JWT")
	f("an empty header", "."+rest+"."+signature, Malformed, "nor a JWT")
	f("no base64", "x.y.z", Malformed, "")
	f("with padding", whole+"=", Malformed, "base64url")
	f("another spelling", rest+"."+signature[:len(signature)-1]+string(signature[len(signature)-1]+1), Malformed, "base64url")
	f("a cut signature", whole[:len(whole)-3], Signature, "as it was made")
	f("no signature", rest+".", Signature, "as it was made")
	f("wrong key", signed(t, jwt.SigningMethodHS256, []byte("x"), good()), Signature, "sign it with a key of this gateway")
	f("tampered", rest[:strings.IndexByte(rest, '.')+1]+base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"root"}`))+"."+signature, Signature, "")
	f("beyond all numbers", raw(t, head, `{"aud":"/client/hubs/chat","exp":1e300}`), BadTime, "exp")
	f("a list", raw(t, head, `[]`), Malformed, "claims")
	f("null", raw(t, head, `null`), NoExpiry, "exp")
	f("two expiries", raw(t, head, `{"exp":1,"exp":9999999999,"aud":"/client/hubs/chat"}`), Malformed, "claims")
	f("another case", raw(t, head, `{"EXP":9999999999,"aud":"/client/hubs/chat"}`), NoExpiry, "exp")
	f("no UTF-8", raw(t, head, "{\"exp\":9999999999,\"sub\":\"\xff\"}"), Malformed, "claims")
	f("two algorithms", rawWith(t, `{"alg":"none","alg":"HS256"}`), Malformed, "header")
	f("an algorithm in another case", rawWith(t, `{"ALG":"HS256"}`), Algorithm, "alg")
	f("an extension", rawWith(t, `{"alg":"HS256","crit":["b64"],"b64":false}`), Malformed, "crit")
	f("a kid that is none", rawWith(t, `{"alg":"HS256","kid":7}`), Malformed, "header")
	f("encrypted", "eyJhbGciOiJkaXIifQ.x.y.z.w", Malformed, "nor a JWT")
	f("deep", raw(t, head, strings.Repeat("[", 20000)), Malformed, "claims")
}

// TestBadClaims: what is wrong, the word for it, and what its holder is told to do.
func TestBadClaims(t *testing.T) {
	keys := secrets(t, usual, key)
	f := func(what, claim string, value any, reason Reason, want string) {
		t.Helper()
		refused(t, keys, what, changed(t, claim, value), reason, want)
	}
	f("expired", "exp", now.Add(-time.Hour).Unix(), Expired, "get a new one")
	f("no expiry", "exp", nil, NoExpiry, "(exp)")
	f("expiry is a word", "exp", "tomorrow", Malformed, "numbers")
	f("expiry is a number in quotes", "exp", "9999999999", Malformed, "numbers")
	f("milliseconds", "exp", now.Add(time.Hour).UnixMilli(), BadTime, "milliseconds")
	f("before all time", "exp", -1, BadTime, "exp")
	f("not yet", "nbf", now.Add(time.Hour).Unix(), NotYetValid, "clocks")
	f("from the future", "iat", now.Add(time.Hour).Unix(), NotYetValid, "clocks")
	f("no audience", "aud", nil, Audience, "/client/hubs/chat")
	f("another hub", "aud", "http://h/client/hubs/game", Audience, "/client/hubs/chat")
	f("a prefix", "aud", "http://h/x/client/hubs/chat", Audience, "/client/hubs/chat")
	f("the data plane's", "aud", "http://h/api/hubs/chat", Audience, "/client/hubs/chat")
	f("no address", "aud", "%zz", Audience, "/client/hubs/chat")
	f("reserved group", "webpubsub.group", ".all", BadGroup, "webpubsub.group")
	f("empty group", "webpubsub.group", []string{"a", ""}, BadGroup, "webpubsub.group")
	f("roles of numbers", "role", []int{1}, Malformed, "role")
	f("a name that is none", "sub", 5, Malformed, "sub")
	if _, err := keys.Client(changed(t, "exp", now.Add(-time.Minute).Unix()), "chat", now); err != nil {
		t.Errorf("expired within the leeway: %v", err)
	}
}

// TestLeeway: to the second, and as it is set.
func TestLeeway(t *testing.T) {
	f := func(leeway time.Duration, name string, at time.Duration, want bool) {
		t.Helper()
		c := good()
		c[name] = now.Add(at).Unix()
		keys := secrets(t, Rules{Leeway: leeway, RequireExpiry: true}, key)
		if _, err := keys.Client(signed(t, jwt.SigningMethodHS256, []byte(key), c), "chat", now); (err == nil) != want {
			t.Errorf("%s %v, leeway %v: %v", name, at, leeway, err)
		}
	}
	const five = 5 * time.Minute
	f(five, "exp", -five+time.Second, true)
	f(five, "exp", -five, false)
	f(five, "nbf", five, true)
	f(five, "nbf", five+time.Second, false)
	f(five, "iat", five, true)
	f(five, "iat", five+time.Second, false)
	f(0, "exp", -time.Second, false)
	f(0, "exp", 0, false)
	f(0, "exp", time.Second, true)
	f(time.Hour, "exp", -59*time.Minute, true)
}

// TestFractions: a date may have a fraction, and nobody is out before it.
func TestFractions(t *testing.T) {
	end := float64(now.Unix()) + 0.5
	text := raw(t, `{"alg":"HS256"}`, fmt.Sprintf(`{"aud":"/client/hubs/chat","exp":%f}`, end))
	keys := secrets(t, Rules{}, key)
	i, err := keys.Client(text, "chat", now)
	if err != nil || i.Expires != now.Unix()+1 {
		t.Errorf("%+v, %v", i, err)
	}
	if _, err := keys.Client(text, "chat", now.Add(500*time.Millisecond)); err == nil {
		t.Error("accepted when it had ended")
	}
}

// TestManyKeys: the log's line stays one of a bounded length.
func TestManyKeys(t *testing.T) {
	var many []Key
	for i := range 100 {
		k, err := PublicKey(pairs()[4].private.Public(), fmt.Sprint("key ", i), "set")
		if err != nil {
			t.Fatal(err)
		}
		many = append(many, k)
	}
	k := NewKeys(usual, nil)
	k.Replace("set", many)
	_, err := k.Client(signed(t, jwt.SigningMethodHS256, []byte(key), good()), "chat", now)
	var bad *Refusal
	if !errors.As(err, &bad) || len(bad.Detail()) > 1000 || !strings.Contains(bad.Detail(), "and 90 more") {
		t.Errorf("%v: %s", err, bad.Detail())
	}
}

// TestRules: what the settings may ask for beside.
func TestRules(t *testing.T) {
	f := func(what string, rules Rules, c jwt.MapClaims, hub string, want Reason) {
		t.Helper()
		_, err := secrets(t, rules, key).Client(signed(t, jwt.SigningMethodHS256, []byte(key), c), hub, now)
		var bad *Refusal
		if got := errors.As(err, &bad); got != (want != "") || got && bad.Reason != want {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	with := func(name string, value any) jwt.MapClaims {
		c := good()
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return c
	}
	f("no expiry, and none is asked for", Rules{}, with("exp", nil), "chat", "")
	issuers := Rules{Issuers: []string{"https://a.example", "https://b.example"}}
	f("an issuer", issuers, with("iss", "https://b.example"), "chat", "")
	f("another issuer", issuers, with("iss", "https://c.example"), "chat", Issuer)
	f("an issuer in another spelling", issuers, with("iss", "https://b.example/"), "chat", Issuer)
	f("no issuer", issuers, good(), "chat", Issuer)
	audiences := Rules{Audiences: []string{"https://gw.example/client/hubs/{hub}", "tidegate"}}
	f("a whole address", audiences, with("aud", "https://GW.example/client/hubs/Chat"), "chat", "")
	f("another host", audiences, good(), "chat", Audience)
	f("another hub", audiences, with("aud", "https://gw.example/client/hubs/chat"), "game", Audience)
	f("a name, for every hub", audiences, with("aud", []string{"x", "tidegate"}), "game", "")
	f("no audience", audiences, with("aud", nil), "chat", Audience)
}

// TestSign: what Sign makes is what Client reads, and it makes no token that could
// not be right.
func TestSign(t *testing.T) {
	want := Claims{User: "ann", Hub: "Chat", Roles: []string{roleSend, roleJoin + ".a"}, Groups: []string{"a", "b"}, Expires: now.Add(time.Hour)}
	token, err := Sign(key, want)
	if err != nil {
		t.Fatal(err)
	}
	i, err := secrets(t, usual, key).Client(token, "chat", now)
	if err != nil || i.User != "ann" || !slices.Equal(i.Groups, want.Groups) || i.Expires != want.Expires.Unix() {
		t.Errorf("got %+v, %v", i, err)
	}
	if p := &i.Permissions; !p.MaySend("x") || !p.MayJoin("a") || p.MayJoin("b") {
		t.Errorf("permissions %+v", p)
	}
	for _, wrong := range []Claims{{Hub: "chat"}, {Expires: now}} {
		if token, err := Sign(key, wrong); err == nil {
			t.Errorf("%+v was signed: %s", wrong, token)
		}
	}
	s, err := SecretSigner(key, "keys")
	if err != nil {
		t.Fatal(err)
	}
	if token, err := s.Sign(want, "RS256"); err == nil {
		t.Errorf("a secret signed with RS256: %s", token)
	}
}

// TestExplain: all that is wrong, not the first only, and what is right beside it.
func TestExplain(t *testing.T) {
	rules := usual
	rules.Issuers = []string{"https://a.example"}
	k := secrets(t, rules, key)
	c := good()
	c["exp"], c["iat"], c["iss"] = now.Add(-time.Hour).Unix(), now.Add(-2*time.Hour).Unix(), "https://b.example"
	e := k.Explain(signed(t, jwt.SigningMethodHS384, []byte("a key of somebody else"), c, "kid", "k1"), "game", now)
	var got []Reason
	for _, bad := range e.Faults {
		got = append(got, bad.Reason)
	}
	if want := []Reason{UnknownKey, Expired, Issuer, Audience}; !slices.Equal(got, want) {
		t.Errorf("faults %v, want %v", got, want)
	}
	if e.Key != "" || e.Algorithm != "HS384" || e.KeyID != "k1" || e.User != "ann" || !e.Expires.Equal(now.Add(-time.Hour)) || !e.NotBefore.IsZero() || !e.Permissions.MayJoin("a") {
		t.Errorf("%+v", e)
	}
	c["exp"], c["iss"] = now.Add(time.Hour).Unix(), "https://a.example"
	if e := k.Explain(signed(t, jwt.SigningMethodHS256, []byte(key), c), "chat", now); len(e.Faults) > 0 || !strings.Contains(e.Key, "a secret") {
		t.Errorf("%+v", e)
	}
	if e := k.Explain("x", "chat", now); len(e.Faults) != 1 || e.Faults[0].Reason != Malformed {
		t.Errorf("%+v", e)
	}
}
