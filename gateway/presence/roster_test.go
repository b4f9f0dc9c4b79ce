package presence

import (
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// still is a Keeper that was not started, so that a test does in its place what run does,
// and a roster that is read and watched.
func still(t *testing.T) (*Keeper, *roster, *view) {
	n := &node{t: t, views: make(map[*view]struct{})}
	v := &view{group: lobby}
	n.views[v] = struct{}{}
	k := New(Config{
		Node: "me", Lease: lease, Workers: 1, Output: Output{Snapshot: n.onSnapshot, Changed: n.onChanged},
		Log: slog.New(slog.DiscardHandler), Metrics: metrics.NewSet(),
	})
	t.Cleanup(k.stop)
	k.audience(0, watch{lobby, v})
	r := k.rosters[lobby]
	r.opening, r.open, r.loading, r.stale = false, true, true, false
	k.loading = 1
	return k, r, v
}

// says is an announcement of a node.
func says(c change) []*broker.Message {
	data, _ := json.Marshal(c)
	return []*broker.Message{{Group: changesOf(lobby), Data: data}}
}

// member is a member of a node.
func member(node, connection string) broker.Member {
	return broker.Member{Node: node, Connection: connection, User: "user " + connection}
}

// TestMeanwhile: what is announced while a group is read is done once more upon what was
// read, which may be older or newer.
func TestMeanwhile(t *testing.T) {
	k, r, v := still(t)
	k.heard(says(change{Node: "a", Came: [][2]string{{"1", "user 1"}}, Gone: []string{"2"}}))
	k.heard(says(change{Node: "a", Came: [][2]string{{"3", "user 3"}}}))
	k.heard(says(change{Node: "a", Gone: []string{"3"}}))
	k.loaded(r, []string{"a"}, []broker.Member{member("a", "2"), member("a", "4")}, nil)
	k.tell(r, time.Now())
	if want := are("1", "4"); !maps.Equal(v.members, want) {
		t.Fatalf("the watcher sees %v, want %v", v.members, want)
	}
	// The second time who watches is told the difference.
	r.loading, k.loading = true, 1
	k.heard(says(change{Node: "a", Came: [][2]string{{"5", "user 5"}}}))
	k.tell(r, time.Now())
	k.loaded(r, []string{"a"}, []broker.Member{member("a", "1"), member("a", "6")}, nil)
	k.tell(r, time.Now())
	if want := are("1", "5", "6"); !maps.Equal(v.members, want) {
		t.Errorf("the watcher sees %v, want %v", v.members, want)
	}
	slices.Sort(v.log)
	if want := []string{"join 5", "join 6", "leave 4"}; !slices.Equal(v.log, want) {
		t.Errorf("the watcher was told %v, want %v", v.log, want)
	}
}

// TestLapsed: the part of a node that has no lease at the moment is left as it is.
func TestLapsed(t *testing.T) {
	k, r, v := still(t)
	k.loaded(r, []string{"a", "b"}, []broker.Member{member("a", "1"), member("b", "2")}, nil)
	k.tell(r, time.Now())
	r.loading, k.loading = true, 1
	k.loaded(r, []string{"b"}, []broker.Member{member("b", "3")}, nil)
	k.tell(r, time.Now())
	if want := are("1", "3"); !maps.Equal(v.members, want) {
		t.Errorf("the watcher sees %v, want %v", v.members, want)
	}
	if !r.lacks(map[string]bool{"a": true}) || r.lacks(map[string]bool{"b": true}) {
		t.Errorf("read is %v, want b alone", r.read)
	}
}

// TestLenient: while leases may have ended because the broker was away nobody is dead;
// afterwards who has none is, unless he was met since.
func TestLenient(t *testing.T) {
	k, r, v := still(t)
	k.loaded(r, []string{"a", "b"}, []broker.Member{member("a", "1"), member("b", "2")}, nil)
	later := func() time.Time { return time.Now().Add(lease) } // so that every node was met before
	sees := func(want map[string]string) {
		t.Helper()
		k.tell(r, time.Now())
		if !maps.Equal(v.members, want) {
			t.Errorf("the watcher sees %v, want %v", v.members, want)
		}
	}
	k.renewed(true, []string{"me", "a", "b"}, nil, later())
	sees(are("1", "2"))
	if r.stale {
		t.Error("nothing is new of the leases, and the roster is read again")
	}
	k.renewed(false, []string{"me"}, nil, time.Now())
	sees(are("1", "2"))
	if !r.stale {
		t.Error("the lease was gone, and with it what others have announced, and the roster is not read again")
	}
	k.renewed(false, nil, broker.ErrUnavailable, later())
	sees(are("1", "2"))
	k.renewed(true, []string{"me"}, nil, time.Now().Add(lease/4))
	sees(are("1", "2"))
	asked := later()
	k.nodes["b"] = asked.Add(1) // it was met while the broker was asked
	k.renewed(true, []string{"me"}, nil, asked)
	sees(are("2"))
	k.renewed(true, []string{"me"}, nil, later().Add(lease))
	sees(are())
}

// TestGap: after a gap the roster is read again, and watchers are told what is different.
func TestGap(t *testing.T) {
	redis := brokertest.StartRedis(t)
	all := nodes(t, redis.URL(), 2)
	all[1].enter(0, lobby, "a")
	v := all[0].watch(0, lobby)
	all[0].sees(v, are("a"))
	redis.CLI("ZADD", "tg/present/node1/chat:lobby", "0", "b user b")
	all[0].keeper.Gap(changesOf(lobby), broker.Position{})
	all[0].sees(v, are("a", "b"))
	redis.CLI("ZREM", "tg/present/node1/chat:lobby", "b user b")
	redis.CLI("XADD", "tg:chat:.presence:lobby", "*", "data", `"nothing that we would say"`)
	all[0].sees(v, are("a"))
}

// TestForgotten: a list of which nobody is left is forgotten when the broker has nothing
// of it either.
func TestForgotten(t *testing.T) {
	k, _, _ := still(t)
	k.enlist(membership{lobby, "a"}, difference{"user a", 1})
	marks := k.marks(10)
	k.marked(marks, nil)
	k.enlist(membership{lobby, "a"}, difference{"user a", -1})
	if len(k.unsaid) != 1 {
		t.Fatal("who was marked has gone, and nobody is told")
	}
	k.marked(k.marks(10), nil)
	l := k.lists[lobby]
	k.reconcile(l, []broker.Member{member("me", "a")})
	if len(k.unsaid) != 1 || len(k.lists) != 1 {
		t.Fatal("the broker has still a member who has gone, and is not told")
	}
	k.marked(k.marks(10), nil)
	k.reconcile(l, nil)
	if len(k.lists)+len(k.unsaid)+len(k.unsure) != 0 {
		t.Errorf("left are %v", k.lists)
	}
	// Who comes and goes while nothing can be marked leaves nothing behind.
	k.enlist(membership{lobby, "b"}, difference{"", 1})
	k.enlist(membership{lobby, "b"}, difference{"", -1})
	if l := k.lists[lobby]; len(l.entries)+len(l.unsaid) != 0 {
		t.Errorf("left are %v", l.entries)
	}
}
