package auth

import (
	"fmt"
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	f := func(text, group string, want bool) {
		t.Helper()
		p, ok := compile(text)
		if !ok {
			t.Errorf("%s is said to be no pattern", text)
		} else if got := p.matches(group); got != want {
			t.Errorf("%s, %q: %v, want %v", text, group, got, want)
		}
	}
	f("abc", "abc", true)
	f("abc", "ab", false)
	f("abc", "abcd", false)
	f("a?c", "aéc", true)
	f("a?c", "a.c", false)
	f("a?c", "ac", false)
	f("*", "", true)
	f("*", "a b", true)
	f("*", "a.b", false)
	f("a.*", "a.", true)
	f("a.*", "a.b", true)
	f("a.*", "a.b.c", false)
	f("*.*", "a.b", true)
	f("*.*", "a.b.c", false)
	f("**", "a.b.c", true)
	f("***", "a.b.c", true)
	f("a.**", "a.b.c", true)
	f("a.**.z", "a.z", false)
	f("a.**.z", "a.b.c.z", true)
	f("**a*b", "x.a.ab", true)
	f("*a*b", "x.a.ab", false)
	f("*ab", "aab", true)
	f("*??", "€", false)
	f(`\*\?\\`, `*?\`, true)
	f(`\*`, "a", false)
	f("A", "a", false)
}

// TestPatternRefused: what is no pattern is none, instead of matching something.
func TestPatternRefused(t *testing.T) {
	for _, text := range []string{"", `\`, `a\`, `\a`, "*a*a*a*a*a*", "******", strings.Repeat("a", 1025)} {
		if p, ok := compile(text); ok {
			t.Errorf("%.20q is read as %v", text, p)
		}
	}
	for _, text := range []string{"*a*a*a*a*", "*****", strings.Repeat("a", 1024), strings.Repeat("?", 1024)} {
		if _, ok := compile(text); !ok {
			t.Errorf("%.20q is not read", text)
		}
	}
}

// TestHostileName: a name that nearly fits in very many ways is answered all the
// same. Trying every way for this one took minutes at 400 characters; now it is a
// few million steps, so a test run that ends at all has passed.
func TestHostileName(t *testing.T) {
	name := strings.Repeat("a", 1024)
	for _, text := range []string{"*a*a*a*a*b", "**a*a*a*b", "*" + strings.Repeat("a", 900) + "*b"} {
		p := ParseRoles([]string{roleSends + text})
		if p.MaySend(name) || !p.MaySend(name+"b") {
			t.Errorf("%.20s: wrong answer", text)
		}
	}
}

// TestPatternBudget: a check on the way of every message allocates nothing.
func TestPatternBudget(t *testing.T) {
	p := ParseRoles([]string{roleSends + "room.*.x", roleSend + ".lobby"})
	group := "room.17.y"
	if got := testing.AllocsPerRun(100, func() { p.MaySend(group) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// TestRoleLimits: roles beyond the protocol's bounds allow nothing, and those
// within stay.
func TestRoleLimits(t *testing.T) {
	var roles []string
	for i := range maxGroups + 1 {
		roles = append(roles, fmt.Sprintf("%s.g%d", roleJoin, i))
	}
	for i := range maxPatterns + 1 {
		roles = append(roles, fmt.Sprintf("%sp%d.*", roleSends, i))
	}
	p := ParseRoles(roles)
	f := func(group string, join, send bool) {
		t.Helper()
		if p.MayJoin(group) != join || p.MaySend(group) != send {
			t.Errorf("%s: join %v, send %v", group, p.MayJoin(group), p.MaySend(group))
		}
	}
	f("g0", true, false)
	f("g999", true, false)
	f("g1000", false, false)
	f("p9.x", false, true)
	f("p10.x", false, false)
}

func BenchmarkMatch(b *testing.B) {
	p := ParseRoles([]string{roleSends + "room.*"})
	b.ReportAllocs()
	for b.Loop() {
		if !p.MaySend("room.1234567890") {
			b.Fatal("no match")
		}
	}
}

func BenchmarkMatchWorst(b *testing.B) {
	p := ParseRoles([]string{roleSends + "**" + strings.Repeat("a", 1021) + "b"})
	name := strings.Repeat("a", 1024)
	for b.Loop() {
		if p.MaySend(name) {
			b.Fatal("a match")
		}
	}
}
