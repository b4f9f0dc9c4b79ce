package auth

import "testing"

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
		if got := AllowOrigin(allowed, []string{origin}, host); got != want {
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

// TestCheckRole: a role that allows nothing is told to whoever wrote it.
func TestCheckRole(t *testing.T) {
	for _, role := range []string{roleJoin, roleSend, roleJoin + ".a", roleSend + ".a.b", roleJoins + "a.*", roleSends + "**"} {
		if err := CheckRole(role); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	}
	for _, role := range []string{"", "admin", "webpubsub.joinLeaveGroups", "webpubsub.sendToGroup2", roleJoins, roleSends + "******", roleJoins + `\a`} {
		if CheckRole(role) == nil {
			t.Errorf("%q is said to allow something", role)
		}
	}
}
