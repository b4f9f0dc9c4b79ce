package auth

import (
	"errors"
	"strconv"
	"testing"
)

// TestChange: what is given and taken, one after the other, of each kind of role.
func TestChange(t *testing.T) {
	give := func(group string) Change { return Change{SendTo, group, true} }
	take := func(group string) Change { return Change{SendTo, group, false} }
	f := func(role string, changes []Change, may, mayNot []string, all bool) {
		t.Helper()
		p := ParseRoles([]string{role, "webpubsub.joinLeaveGroup.a"})
		before := p
		for _, c := range changes {
			var err error
			if p, err = p.With(c); err != nil {
				t.Fatal(err)
			}
		}
		for _, g := range may {
			if !p.MaySend(g) || !p.Has(SendTo, g) {
				t.Errorf("%s, %v: may not send to %s", role, changes, g)
			}
		}
		for _, g := range mayNot {
			if p.MaySend(g) || p.Has(SendTo, g) {
				t.Errorf("%s, %v: may send to %s", role, changes, g)
			}
		}
		if p.Has(SendTo, "") != all {
			t.Errorf("%s, %v: all is %v", role, changes, !all)
		}
		if !p.MayJoin("a") || p.MayJoin("b") {
			t.Errorf("%s, %v: what it may join has changed", role, changes)
		}
		if now := ParseRoles([]string{role, "webpubsub.joinLeaveGroup.a"}); now.MaySend("a") != before.MaySend("a") || now.MaySend("b") != before.MaySend("b") {
			t.Errorf("%s, %v: the permissions of before have changed", role, changes)
		}
	}
	f("none", []Change{give("a")}, []string{"a"}, []string{"b"}, false)
	f("none", []Change{give("a"), take("a")}, nil, []string{"a", "b"}, false)
	f("webpubsub.sendToGroup.a", []Change{take("a")}, nil, []string{"a"}, false)
	f("webpubsub.sendToGroup.a", []Change{take("")}, nil, []string{"a", "b"}, false)
	f("webpubsub.sendToGroups.r.*", []Change{take("r.1")}, []string{"r.2"}, []string{"r.1", "s"}, false)
	f("webpubsub.sendToGroups.r.*", []Change{take("r.1"), give("r.1")}, []string{"r.1", "r.2"}, nil, false)
	f("webpubsub.sendToGroups.r.*", []Change{take("")}, nil, []string{"r.1"}, false)
	f("webpubsub.sendToGroup", []Change{take("a")}, []string{"b"}, []string{"a"}, true)
	f("webpubsub.sendToGroup", []Change{take("a"), give("")}, []string{"a", "b"}, nil, true)
	f("webpubsub.sendToGroup", []Change{take(""), give("a")}, []string{"a"}, []string{"b"}, false)
	f("none", []Change{give("")}, []string{"a", "b"}, nil, true)

	p, err := ParseRoles(nil).With(Change{JoinLeave, "j", true})
	if err != nil || !p.Has(JoinLeave, "j") || p.Has(SendTo, "j") || p.Has(JoinLeave, "") {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestChangeBound: permissions do not grow without end, and a change that is too much
// changes nothing.
func TestChangeBound(t *testing.T) {
	f := func(role string, granted bool) {
		t.Helper()
		p := ParseRoles([]string{role})
		for i := range maxGroups {
			var err error
			if p, err = p.With(Change{SendTo, strconv.Itoa(i), granted}); err != nil {
				t.Fatal(err)
			}
		}
		q, err := p.With(Change{SendTo, "more", granted})
		if !errors.Is(err, ErrTooManyGroups) || q.MaySend("more") == granted {
			t.Errorf("%s: %v", role, err)
		}
		if _, err := p.With(Change{SendTo, "7", granted}); err != nil {
			t.Errorf("%s: what is so already is refused: %v", role, err)
		}
	}
	f("none", true)
	f("webpubsub.sendToGroup", false)
}
