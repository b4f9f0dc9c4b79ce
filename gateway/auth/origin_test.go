package auth

import "testing"

// listed is a check of one origin with a list of one.
func listed(t *testing.T) func(allowed, origin string, want bool) {
	return func(allowed, origin string, want bool) {
		t.Helper()
		if got := AllowOrigin([]string{allowed}, []string{origin}, "gateway.example"); got != want {
			t.Errorf("%s, of a list of %s: %v, want %v", origin, allowed, got, want)
		}
	}
}

// TestExactOrigins: which origins an entry of the list means, and which only look like it.
func TestExactOrigins(t *testing.T) {
	f := listed(t)
	exact := "https://www.example.com"
	f(exact, "https://www.example.com", true)
	f(exact, "HTTPS://WWW.EXAMPLE.COM", true)
	f(exact, "https://www.example.com:443", true)
	f("https://www.example.com:443", exact, true)
	f(exact, "https://www.example.com:8443", false)
	f(exact, "http://www.example.com", false)
	f(exact, "http://www.example.com:443", false)
	f(exact, "https://example.com", false)
	f(exact, "https://www.example.com.", false)
	f(exact, "https://www.example.com.evil.example", false)
	f(exact, "https://www.example.com@evil.example", false)
	f(exact, "https://evil.example@www.example.com", false)
	f(exact, "https://www.example.com/", false)
	f(exact, "https://www.example.com?", false)
	f(exact, "https://www.example.com:", false)
	f(exact, "https://www.example.com:0443", false)
	f(exact, "https://www.example.com:99999", false)
	f(exact, " https://www.example.com", false)
	f(exact, "https://www.example.com https://evil.example", false)
	f(exact, "https:www.example.com", false)
	f(exact, "www.example.com", false)
	f(exact, "null", false)
	f("*", "null", true)
	f("*", "https://evil.example", true)
	f("*", "no origin at all", true)

	f("http://localhost:3000", "http://localhost:3000", true)
	f("http://localhost:3000", "http://localhost", false)
	f("http://[::1]:3000", "http://[0:0:0:0:0:0:0:1]:3000", true)
	f("http://[::1]", "http://[::1]:80", true)
	f("http://[::1]", "http://[::1", false)
	f("http://[::1]", "http://[::1%25lo]", false)
	f("capacitor://localhost", "capacitor://localhost", true)
}

// TestWildOrigins: likewise of entries with a star.
func TestWildOrigins(t *testing.T) {
	f := listed(t)
	wild := "https://*.example.com"
	f(wild, "https://www.example.com", true)
	f(wild, "https://a.b.example.com", true)
	f(wild, "https://WWW.Example.Com:443", true)
	f(wild, "https://example.com", false)
	f(wild, "https://.example.com", false)
	f(wild, "https://*.example.com", false)
	f(wild, "https://evilexample.com", false)
	f(wild, "https://www.example.com.evil.example", false)
	f(wild, "https://www.example.com:8443", false)
	f(wild, "http://www.example.com", false)
	f(wild, "https://evil.example/.example.com", false)
	f(wild, "https://evil.example?.example.com", false)
	f(wild, "https://evil.example#.example.com", false)
	f(wild, `https://evil.example\.example.com`, false)
	f(wild, "https://evil.example:80@www.example.com", false)
	f(wild, "https://evil.example%00.example.com", false)
	f(wild, "https://evil.example\x00.example.com", false)
	f(wild, "https://[::1].example.com", false)
	f(wild, "null", false)
	f("https://*.example.com:8443", "https://www.example.com:8443", true)
	f("https://*.example.com:8443", "https://www.example.com", false)
}

// TestOwnOrigin: with no list only pages of the gateway's own host are let in.
func TestOwnOrigin(t *testing.T) {
	f := func(origin, host string, want bool) {
		t.Helper()
		if got := AllowOrigin(nil, []string{origin}, host); got != want {
			t.Errorf("%s at %s: %v, want %v", origin, host, got, want)
		}
	}
	f("https://chat.example", "chat.example", true)
	f("https://chat.example", "chat.example:443", true)
	f("https://Chat.Example", "chat.example", true)
	f("http://chat.example:8000", "chat.example:8000", true)
	f("http://[::1]:8000", "[::1]:8000", true)
	f("http://chat.example:8000", "chat.example", false)
	f("https://chat.example", "chat.example:80", false)
	f("https://evil.example", "chat.example", false)
	f("https://sub.chat.example", "chat.example", false)
	f("https://user@chat.example", "chat.example", false)
	f("https://chat.example/", "chat.example", false)
	f("null", "null", false)
	f("https://*.example", "*.example", false)
	f("https://", "", false)
	f("", "chat.example", true)
}

// TestTwoOrigins: a request with two was made by no browser, and which counts is a guess.
func TestTwoOrigins(t *testing.T) {
	list := []string{"https://a.example", "https://b.example"}
	if AllowOrigin(list, list, "c.example") {
		t.Error("two origins were let in")
	}
	if !AllowOrigin(list, nil, "c.example") {
		t.Error("a client that is no browser was not let in")
	}
	if !AllowOrigin(list, list[1:], "c.example") {
		t.Error("the second of the list was not let in")
	}
}
