package auth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const key = "an-access-key-of-thirty-two-bytes"

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// signed is a token with any claims, method and key.
func signed(t testing.TB, method jwt.SigningMethod, with any, c jwt.MapClaims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(method, c).SignedString(with)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func good() jwt.MapClaims {
	return jwt.MapClaims{
		"aud": "https://gateway.example/client/hubs/Chat", "sub": "ann", "exp": now.Add(time.Hour).Unix(),
		"role": []string{"webpubsub.joinLeaveGroup.a", "webpubsub.sendToGroup"}, "webpubsub.group": "a",
	}
}

func TestClient(t *testing.T) {
	keys := NewKeys([]string{"another-key-for-rotation", key})
	i, err := keys.Client(signed(t, jwt.SigningMethodHS256, []byte(key), good()), "chat", now)
	if err != nil {
		t.Fatal(err)
	}
	p := &i.Permissions
	if i.User != "ann" || len(i.Groups) != 1 || i.Groups[0] != "a" || !i.Expires.Equal(now.Add(time.Hour)) {
		t.Errorf("identity %+v", i)
	}
	if !p.MayJoin("a") || p.MayJoin("b") || !p.MaySend("b") {
		t.Errorf("permissions %+v", p)
	}
	// A token without roles or a name: everything it does not say is nothing.
	i, err = keys.Client(signed(t, jwt.SigningMethodHS256, []byte(key), jwt.MapClaims{
		"aud": []string{"x", "/client/hubs/chat/"}, "exp": now.Add(time.Hour).Unix(), "role": "none.of.ours",
	}), "chat", now)
	if err != nil || i.User != "" || len(i.Groups) != 0 || i.Permissions != (Permissions{}) {
		t.Errorf("identity %+v, %v", i, err)
	}
}

// TestRemedies: a refusal tells the token's holder what to do.
func TestRemedies(t *testing.T) {
	keys := NewKeys([]string{key})
	f := func(what, token, want string) {
		t.Helper()
		_, err := keys.Client(token, "chat", now)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v, want %q in it", what, err, want)
		}
	}
	changed := func(name string, value any) string {
		c := good()
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return signed(t, jwt.SigningMethodHS256, []byte(key), c)
	}
	f("none", "", "access_token")
	f("garbage", "garbage", "nor a JWT")
	f("wrong key", signed(t, jwt.SigningMethodHS256, []byte("x"), good()), "setting keys")
	f("another method", signed(t, jwt.SigningMethodHS384, []byte(key), good()), "HS256")
	f("expired", changed("exp", now.Add(-time.Hour).Unix()), "get a new one")
	f("no expiry", changed("exp", nil), "(exp)")
	f("expiry is a word", changed("exp", "tomorrow"), "not valid")
	f("not yet", changed("nbf", now.Add(time.Hour).Unix()), "clocks")
	f("from the future", changed("iat", now.Add(time.Hour).Unix()), "clocks")
	f("another hub", changed("aud", "http://h/client/hubs/game"), "/client/hubs/chat")
	f("a prefix", changed("aud", "http://h/x/client/hubs/chat"), "/client/hubs/chat")
	f("no address", changed("aud", "%zz"), "/client/hubs/chat")
	f("reserved group", changed("webpubsub.group", ".all"), "webpubsub.group")
	f("empty group", changed("webpubsub.group", []string{"a", ""}), "webpubsub.group")
}

// TestKeys: any of the keys verifies, and none is none.
func TestKeys(t *testing.T) {
	if !NewKeys(nil).Empty() || !NewKeys([]string{""}).Empty() || !(Keys{}).Empty() || NewKeys([]string{key}).Empty() {
		t.Error("Empty is wrong")
	}
	forged := signed(t, jwt.SigningMethodHS256, []byte{}, good())
	for _, keys := range []Keys{{}, NewKeys([]string{""}), NewKeys([]string{"", key})} {
		if i, err := keys.Client(forged, "chat", now); !errors.Is(err, ErrInvalid) {
			t.Errorf("a token signed with an empty key: %+v, %v", i, err)
		}
	}
	keys := NewKeys([]string{"the-first-of-two-keys", key})
	for _, k := range []string{"the-first-of-two-keys", key} {
		if _, err := keys.Client(signed(t, jwt.SigningMethodHS256, []byte(k), good()), "chat", now); err != nil {
			t.Errorf("%s: %v", k, err)
		}
	}
}

// TestLeeway: to the second, and as it is set.
func TestLeeway(t *testing.T) {
	f := func(keys Keys, name string, at time.Duration, want bool) {
		t.Helper()
		c := good()
		c[name] = now.Add(at).Unix()
		if _, err := keys.Client(signed(t, jwt.SigningMethodHS256, []byte(key), c), "chat", now); (err == nil) != want {
			t.Errorf("%s %v: %v", name, at, err)
		}
	}
	five := NewKeys([]string{key})
	f(five, "exp", -5*time.Minute+time.Second, true)
	f(five, "exp", -5*time.Minute, false)
	f(five, "nbf", 5*time.Minute, true)
	f(five, "nbf", 5*time.Minute+time.Second, false)
	f(five.WithLeeway(0), "exp", -time.Second, false)
	f(five.WithLeeway(time.Hour), "exp", -59*time.Minute, true)
}

// TestSign: what Sign makes is what Client reads, and it makes no token that could
// not be right.
func TestSign(t *testing.T) {
	want := Claims{User: "ann", Hub: "Chat", Roles: []string{roleSend, roleJoin + ".a"}, Groups: []string{"a", "b"}, Expires: now.Add(time.Hour)}
	token, err := Sign(key, want)
	if err != nil {
		t.Fatal(err)
	}
	i, err := NewKeys([]string{key}).Client(token, "chat", now)
	if err != nil || i.User != "ann" || !slices.Equal(i.Groups, want.Groups) || !i.Expires.Equal(want.Expires) {
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
	if _, err := Sign("", want); err == nil {
		t.Error("signed with an empty key")
	}
}

func TestClientRefused(t *testing.T) {
	keys := NewKeys([]string{key})
	f := func(what, token, hub string, want error) {
		t.Helper()
		if _, err := keys.Client(token, hub, now); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	claim := func(name string, value any) string {
		c := good()
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return signed(t, jwt.SigningMethodHS256, []byte(key), c)
	}
	whole := claim("sub", "ann")
	f("none", "", "chat", ErrMissing)
	f("garbage", "x.y.z", "chat", ErrInvalid)
	f("wrong key", signed(t, jwt.SigningMethodHS256, []byte("somebody else's key"), good()), "chat", ErrInvalid)
	f("no signature", signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good()), "chat", ErrInvalid)
	f("another method", signed(t, jwt.SigningMethodHS512, []byte(key), good()), "chat", ErrInvalid)
	f("expired", claim("exp", now.Add(-time.Hour).Unix()), "chat", ErrInvalid)
	f("no expiry", claim("exp", nil), "chat", ErrInvalid)
	f("not yet", claim("nbf", now.Add(time.Hour).Unix()), "chat", ErrInvalid)
	f("from the future", claim("iat", now.Add(time.Hour).Unix()), "chat", ErrInvalid)
	f("no audience", claim("aud", nil), "chat", ErrInvalid)
	f("another hub", whole, "game", ErrInvalid)
	f("another path", claim("aud", "http://h/api/hubs/chat"), "chat", ErrInvalid)
	head, rest, _ := strings.Cut(whole, ".")
	_, signature, _ := strings.Cut(rest, ".")
	body := base64.RawURLEncoding.EncodeToString([]byte(`{"aud":"http://h/client/hubs/chat","exp":9999999999,"sub":"root"}`))
	f("tampered", head+"."+body+"."+signature, "chat", ErrInvalid)
	if _, err := keys.Client(claim("exp", now.Add(-time.Minute).Unix()), "chat", now); err != nil {
		t.Errorf("expired within the leeway: %v", err)
	}
}

func TestRequest(t *testing.T) {
	const path = "/api/hubs/chat/groups/g/:send"
	f := func(keys Keys, authorization string, want error) {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "http://h"+path+"?api-version=1", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		if err := keys.Request(r, now); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", authorization, err, want)
		}
	}
	keys := NewKeys([]string{key})
	token := func(aud string) string {
		return "Bearer " + signed(t, jwt.SigningMethodHS256, []byte(key), jwt.MapClaims{"aud": aud, "exp": now.Add(time.Hour).Unix()})
	}
	f(Keys{}, "", nil)
	f(keys, "", ErrMissing)
	f(keys, "Basic "+key, ErrMissing)
	f(keys, "Bearer "+key, nil)
	f(keys, "bearer "+key, nil)
	f(keys, "Bearer "+key+"x", ErrInvalid)
	f(keys, token("http://h"+path+"?api-version=1"), nil)
	f(keys, token("http://h/api/hubs/chat/groups/other/:send"), ErrInvalid)
	f(keys, token("http://h/client/hubs/chat"), ErrInvalid)
	f(keys, token("http://h/api/hubs/chat/groups/G/:send"), ErrInvalid) // another group
	f(keys, token("https://elsewhere:1"+path), nil)
	f(keys, "Bearer ", ErrMissing)
	f(keys, "Bearer", ErrMissing)
	f(NewKeys([]string{"another-key", key}), "Bearer "+key, nil)
	f(NewKeys([]string{"another-key"}), token("http://h"+path), ErrInvalid)
}

func TestPermissions(t *testing.T) {
	f := func(role, group string, join, send bool) {
		t.Helper()
		p := ParseRoles([]string{role})
		if p.MayJoin(group) != join || p.MaySend(group) != send {
			t.Errorf("%s: join %s %v, send %v", role, group, p.MayJoin(group), p.MaySend(group))
		}
	}
	f("webpubsub.joinLeaveGroup", "any", true, false)
	f("webpubsub.sendToGroup", "any", false, true)
	f("webpubsub.joinLeaveGroup.a.b", "a.b", true, false)
	f("webpubsub.joinLeaveGroup.a", "A", false, false)
	f("webpubsub.sendToGroup.a", "ab", false, false)
	f("webpubsub.sendToGroups.room.*", "room.1", false, true)
	f("webpubsub.sendToGroups.room.*", "room.1.2", false, false)
	f("webpubsub.sendToGroups.room.**", "room.1.2", false, true)
	f("webpubsub.joinLeaveGroups.a?c", "abc", true, false)
	f("webpubsub.joinLeaveGroups.a?c", "a.c", false, false)
	f(`webpubsub.joinLeaveGroups.a\*`, "a*", true, false)
	f(`webpubsub.joinLeaveGroups.a\*`, "ab", false, false)
	f("webpubsub.joinLeaveGroups.*", "", true, false)
	f("webpubsub.joinLeaveGroups.*ä*", "xäy", true, false)
	f("webpubsub.joinLeaveGroups.******", "a", false, false) // more stars than allowed
	f("somebody.else", "a", false, false)
	a := &Anonymous().Permissions
	if !a.MayJoin("x") || !a.MaySend("x") {
		t.Error("anonymous clients may not join and send")
	}
}

func TestAllowOrigin(t *testing.T) {
	f := func(allowed []string, origin, host string, want bool) {
		t.Helper()
		if got := AllowOrigin(allowed, origin, host); got != want {
			t.Errorf("%v, origin %q, host %q: %v", allowed, origin, host, got)
		}
	}
	f(nil, "", "h:1", true)
	f(nil, "http://h:1", "h:1", true)
	f(nil, "http://H:1", "h:1", true)
	f(nil, "http://h:2", "h:1", false)
	f(nil, "null", "h:1", false)
	f(nil, "http://", "", false)
	f(nil, "%zz", "%zz", false)
	f(nil, "https://h.example", "h.example:443", true)
	f(nil, "http://h.example", "h.example:80", true)
	f(nil, "https://h.example", "h.example:80", false)
	f(nil, "http://h.example:8080", "h.example", false)
	f(nil, "https://h.example.evil", "h.example", false)
	f([]string{"*"}, "null", "h", true)
	f([]string{"https://a.example"}, "https://a.example", "h", true)
	f([]string{"https://a.example"}, "http://a.example", "h", false)
	f([]string{"https://a.example"}, "https://a.example.evil", "h", false)
	f([]string{"https://a.example"}, "https://h", "h", false)
	f([]string{"https://a.example"}, "https://A.example", "h", true)
	f([]string{"https://a.example"}, "https://a.example:8443", "h", false)
	f([]string{"http://b", "https://a.example:8443"}, "https://a.example:8443", "h", true)
	f([]string{"https://a.example"}, "null", "h", false)
}

// FuzzClient: no token makes the check fail otherwise than with an error, and
// none that we did not sign is accepted.
func FuzzClient(f *testing.F) {
	f.Add(signed(f, jwt.SigningMethodHS256, []byte(key), good()))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	keys := NewKeys([]string{"a key that signed none of these"})
	f.Fuzz(func(t *testing.T, token string) {
		if i, err := keys.Client(token, "chat", now); err == nil {
			t.Errorf("accepted as %+v", i)
		}
	})
}
