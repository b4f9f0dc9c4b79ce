package auth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestClient(t *testing.T) {
	keys := secrets(t, usual, "another-key-for-rotation", key)
	i, err := keys.Client(signed(t, jwt.SigningMethodHS256, []byte(key), good()), "chat", now)
	if err != nil {
		t.Fatal(err)
	}
	p := &i.Permissions
	end := now.Add(time.Hour).Unix()
	if i.User != "ann" || !slices.Equal(i.Groups, []string{"a"}) || i.Expires != end || i.Lapses != end+300 {
		t.Errorf("identity %+v", i)
	}
	if !p.MayJoin("a") || p.MayJoin("b") || !p.MaySend("b") {
		t.Errorf("permissions %+v", p)
	}
	// A token without roles or a name: everything it does not say is nothing.
	i, err = keys.Client(signed(t, jwt.SigningMethodHS512, []byte(key), jwt.MapClaims{
		"aud": []string{"x", "/client/hubs/chat/"}, "exp": now.Add(time.Hour).Unix(), "role": "none.of.ours",
	}), "chat", now)
	if err != nil || i.User != "" || len(i.Groups) != 0 || i.Permissions != (Permissions{}) {
		t.Errorf("identity %+v, %v", i, err)
	}
}

// TestRotation: any of the keys verifies, an empty one cannot be, and what is taken
// out verifies no more.
func TestRotation(t *testing.T) {
	old, new := "the-first-of-two-keys", key
	token := func(k string) string { return signed(t, jwt.SigningMethodHS256, []byte(k), good()) }
	f := func(k *Keys, with string, want error) {
		t.Helper()
		if _, err := k.Client(token(with), "chat", now); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", with, err, want)
		}
	}
	k := secrets(t, usual, old)
	f(k, old, nil)
	f(k, new, ErrInvalid)
	k.Replace("keys", []Key{mustSecret(t, new), mustSecret(t, old)})
	f(k, old, nil)
	f(k, new, nil)
	k.Replace("keys", []Key{mustSecret(t, new)})
	f(k, old, ErrInvalid)
	f(k, new, nil)
	f(k, "", ErrInvalid)
	for _, secret := range []string{"", "fifteen-bytes-x"} {
		if _, err := SecretKey(secret, "keys"); err == nil {
			t.Errorf("%q is taken as a key", secret)
		}
		if _, err := Sign(secret, Claims{Hub: "chat", Expires: now}); err == nil {
			t.Errorf("signed with %q", secret)
		}
	}
}

// TestAwaited: while an issuer's keys have not come, its clients are told to try
// again, and only they.
func TestAwaited(t *testing.T) {
	rs := signed(t, jwt.SigningMethodRS256, pairs()[0].private, good())
	f := func(k *Keys, token string, want error) {
		t.Helper()
		if _, err := k.Identify(token, "chat", "", now); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	k := secrets(t, usual, key)
	f(k, rs, ErrInvalid)
	k.Expect("issuer")
	f(k, rs, ErrNotYet)
	f(k, "", ErrMissing)
	f(k, "x.y.z", ErrInvalid)
	f(k, signed(t, jwt.SigningMethodHS256, []byte(key), good()), nil)
	f(k, signed(t, jwt.SigningMethodHS256, []byte("somebody else's key"), good()), ErrInvalid)
	k.Replace("issuer", publicKeys(t, pairs()[0].pem))
	f(k, rs, nil)
	k.Replace("issuer", nil)
	f(k, rs, ErrInvalid)
}

// TestAnonymous: who has no token is let in where the rules say so, with the roles
// that they give, and everywhere only if there is nothing that could ask.
func TestAnonymous(t *testing.T) {
	f := func(k *Keys, token, hub, place string, want error, mayJoin bool) {
		t.Helper()
		i, err := k.Identify(token, hub, place, now)
		if !errors.Is(err, want) || err == nil && i.Permissions.MayJoin("x") != mayJoin {
			t.Errorf("hub %s, place %s: %+v, %v, want %v", hub, place, i, err, want)
		}
	}
	f(nil, "", "chat", "", nil, true)
	f(NewKeys(usual, nil), "", "chat", "", nil, true)
	k := secrets(t, usual, key)
	f(k, "", "chat", "", ErrMissing, false)
	rules := usual
	rules.Anonymous, rules.AnonymousRoles = []string{"News", "/ws/open/{group}/"}, []string{roleJoin}
	k = secrets(t, rules, key)
	f(k, "", "news", "/client/hubs/{hub}", nil, true)
	f(k, "", "news", "/ws/news/{group}/", nil, true)
	f(k, "", "chat", "/ws/open/{group}/", nil, true)
	f(k, "", "chat", "/client/hubs/{hub}", ErrMissing, false)
	f(k, "", "chat", "/ws/chat/{group}/", ErrMissing, false)
	f(k, "x.y.z", "news", "", ErrInvalid, false) // a token that is there must be right
	if i, err := k.Identify("", "news", "", now); err != nil || i.Permissions.MaySend("x") || i.User != "" {
		t.Errorf("anonymous in news: %+v, %v", i, err)
	}
	// The list is in force without keys too.
	k = NewKeys(rules, nil)
	f(k, "", "chat", "", ErrMissing, false)
	f(k, "", "news", "", nil, true)
}

func TestRequest(t *testing.T) {
	const path = "/api/hubs/chat/groups/g/:send"
	f := func(keys *Keys, authorization string, want error) {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "http://h"+path+"?api-version=1", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		if err := keys.Request(r, now); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", authorization, err, want)
		}
	}
	issuers := usual
	issuers.Issuers = []string{"https://issuer.example"} // is asked of clients alone
	keys := secrets(t, issuers, key)
	claims := func(aud string) jwt.MapClaims {
		return jwt.MapClaims{"aud": aud, "exp": now.Add(time.Hour).Unix()}
	}
	token := func(aud string) string {
		return "Bearer " + signed(t, jwt.SigningMethodHS256, []byte(key), claims(aud))
	}
	f(nil, "", nil)
	f(NewKeys(usual, nil), "", nil)
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
	f(secrets(t, usual, "another-key-of-ours", key), "Bearer "+key, nil)
	f(secrets(t, usual, "another-key-of-ours"), token("http://h"+path), ErrInvalid)
	// An issuer's key is for clients.
	r := pairs()[0]
	rs := "Bearer " + signed(t, jwt.SigningMethodRS256, r.private, claims("http://h"+path))
	keys.Replace("issuer", publicKeys(t, r.pem))
	f(keys, rs, ErrInvalid)
	alone := NewKeys(usual, nil)
	alone.Replace("issuer", publicKeys(t, r.pem))
	f(alone, rs, ErrInvalid)
	f(alone, "", ErrInvalid)
	f(alone, "Bearer "+string(r.pem), ErrInvalid)
}
