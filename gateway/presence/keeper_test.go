package presence

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// nodes starts some on one Redis.
func nodes(t *testing.T, url string, n int) (all []*node) {
	for i := range n {
		all = append(all, start(t, fmt.Sprintf("node%d", i), url))
	}
	return all
}

// TestOneNode: a watcher gets a snapshot with all who came before it, and then what
// changes; on the memory broker as on Redis.
func TestOneNode(t *testing.T) {
	for name, url := range map[string]string{"memory": "", "redis": brokertest.StartRedis(t).URL()} {
		t.Run(name, func(t *testing.T) {
			n := start(t, "one", url)
			n.enter(0, lobby, "a", "b")
			n.enter(1, lobby, "c")
			v := n.watch(0, lobby)
			n.sees(v, are("a", "b", "c"))
			n.exit(0, lobby, "a")
			n.enter(1, lobby, "d")
			n.enter(0, broker.Group{Hub: "chat", Name: "other"}, "x")
			n.enter(0, broker.Group{Hub: "other", Name: "lobby"}, "y")
			n.sees(v, are("b", "c", "d"))
			late := n.watch(1, lobby)
			n.sees(late, are("b", "c", "d"))
			n.exit(1, lobby, "d")
			n.sees(v, are("b", "c"))
			n.sees(late, are("b", "c"))
		})
	}
}

// TestMoves: a connection that is on two workers or nodes for a moment is there all the
// time.
func TestMoves(t *testing.T) {
	all := nodes(t, brokertest.StartRedis(t).URL(), 2)
	a, b := all[0], all[1]
	a.enter(0, lobby, "me", "x")
	va, vb := a.watch(0, lobby), b.watch(0, lobby)
	a.sees(va, are("me", "x"))
	b.sees(vb, are("me", "x"))
	a.enter(1, lobby, "me")
	a.exit(0, lobby, "me")
	b.enter(0, lobby, "me")
	b.enter(0, lobby, "mark")
	a.sees(va, are("me", "x", "mark"))
	a.exit(1, lobby, "me")
	a.exit(0, lobby, "x")
	b.sees(vb, are("me", "mark"))
	a.sees(va, are("me", "mark"))
	for _, told := range [][]string{a.told(va), b.told(vb)} {
		if slices.Contains(told, "leave me") {
			t.Errorf("a watcher was told: %v", told)
		}
	}
}

// TestRandom: three nodes, on which clients come and go at random while watchers come,
// too; when it is quiet all see what is so.
func TestRandom(t *testing.T) {
	all := nodes(t, brokertest.StartRedis(t).URL(), 3)
	churn(t, all, 3*time.Second, func() {})
}

// churn has clients come and go for some time, and meanwhile something happen.
func churn(t *testing.T, all []*node, lasting time.Duration, meanwhile func()) {
	groups := []broker.Group{lobby, {Hub: "chat", Name: "b"}, {Hub: "other", Name: "lobby"}}
	type place struct{ node, worker, group int }
	in := make(map[string]place)
	views := make(map[*view]*node)
	watch := func() {
		n := all[rand.IntN(len(all))]
		views[n.watch(rand.IntN(workers), groups[rand.IntN(len(groups))])] = n
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		meanwhile()
	}()
	for end, i := time.Now().Add(lasting), 0; ; i++ {
		select {
		case <-ended:
			if time.Now().After(end) {
				settle(t, all, groups, views, func(g broker.Group) map[string]string {
					want := make(map[string]string)
					for c, p := range in {
						if groups[p.group] == g {
							want[c] = "user " + c
						}
					}
					return want
				})
				return
			}
		default:
		}
		c := fmt.Sprintf("c%03d", rand.IntN(200))
		if p, ok := in[c]; ok {
			all[p.node].exit(p.worker, groups[p.group], c)
			delete(in, c)
		} else {
			p := place{rand.IntN(len(all)), rand.IntN(workers), rand.IntN(len(groups))}
			all[p.node].enter(p.worker, groups[p.group], c)
			in[c] = p
		}
		if i%100 == 0 && len(views) < 30 {
			watch()
		}
		time.Sleep(time.Millisecond)
	}
}

// settle waits until every watcher sees what is so.
func settle(t *testing.T, all []*node, groups []broker.Group, views map[*view]*node, truth func(broker.Group) map[string]string) {
	t.Helper()
	for _, g := range groups {
		for _, n := range all {
			views[n.watch(0, g)] = n
		}
	}
	for v, n := range views {
		n.sees(v, truth(v.group))
	}
}

// TestDeath: the members of a node that dies are gone on the others, and those of one
// that ends as it should, too, and sooner.
func TestDeath(t *testing.T) {
	redis := brokertest.StartRedis(t)
	all := nodes(t, redis.URL(), 3)
	for i, n := range all {
		n.enter(0, lobby, fmt.Sprint("c", i))
	}
	v := all[0].watch(0, lobby)
	all[0].sees(v, are("c0", "c1", "c2"))
	all[1].die()
	all[0].sees(v, are("c0", "c2"))
	all[2].exit(0, lobby, "c2")
	all[2].close()
	if left := redis.CLI("EXISTS", "tg/present/node2/chat:lobby", "tg/node/node2"); left != "0\n" {
		t.Errorf("a node that has ended as it should has left %s keys", left)
	}
	all[0].sees(v, are("c0"))
	late := all[0].watch(1, lobby)
	all[0].sees(late, are("c0"))
	if living, err := all[0].broker.Living(t.Context()); err != nil || !slices.Equal(living, []string{"node0"}) {
		t.Errorf("living are %v, %v", living, err)
	}
}

// TestRedisLosesAll: what was lost is put back.
func TestRedisLosesAll(t *testing.T) {
	redis := brokertest.StartRedis(t)
	all := nodes(t, redis.URL(), 3)
	churn(t, all, 3*time.Second, func() {
		for range 3 {
			time.Sleep(500 * time.Millisecond)
			redis.CLI("FLUSHALL")
		}
	})
}

// TestRedisAway: while Redis is away, with or without what it had, nobody is taken for
// dead; afterwards all see what is so.
func TestRedisAway(t *testing.T) {
	redis := brokertest.StartRedis(t)
	all := nodes(t, redis.URL(), 3)
	churn(t, all, 5*time.Second, func() {
		time.Sleep(500 * time.Millisecond)
		redis.Kill()
		time.Sleep(500 * time.Millisecond)
		redis.Restart()
		time.Sleep(time.Second)
		redis.Stop()
		time.Sleep(2 * lease)
		redis.Continue()
	})
}

// TestStopped: Redis stands still for longer than any lease, with what it has. Nobody
// has gone, and nobody is told so.
func TestStopped(t *testing.T) {
	redis := brokertest.StartRedis(t)
	all := nodes(t, redis.URL(), 2)
	all[0].enter(0, lobby, "a")
	all[1].enter(0, lobby, "b")
	v := all[0].watch(0, lobby)
	all[0].sees(v, are("a", "b"))
	before := len(all[0].told(v))
	redis.Stop()
	time.Sleep(2 * lease)
	redis.Continue()
	all[1].enter(0, lobby, "c")
	all[0].sees(v, are("a", "b", "c"))
	time.Sleep(lease)
	if told := all[0].told(v)[before:]; !slices.Equal(told, []string{"join c"}) {
		t.Errorf("the watcher was told %v", told)
	}
}

// TestPartition: a node that cannot reach Redis for longer than its lease is gone to the
// others, and its members are there again when it is.
func TestPartition(t *testing.T) {
	redis := brokertest.StartRedis(t)
	all := nodes(t, redis.URL(), 2)
	all[0].enter(0, lobby, "a")
	all[1].enter(0, lobby, "b")
	v := all[0].watch(0, lobby)
	all[0].sees(v, are("a", "b"))
	// The lease is taken away again and again, which is all that the others see of it.
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				redis.CLI("DEL", "tg/node/node1")
			}
		}
	}()
	all[0].sees(v, are("a"))
	close(stop)
	<-ended
	all[0].sees(v, are("a", "b"))
}

// TestRepair: marks that Redis has lost are written again, and one of somebody who is
// not there is taken away.
func TestRepair(t *testing.T) {
	redis := brokertest.StartRedis(t)
	n := start(t, "one", redis.URL())
	n.enter(0, lobby, "a", "b")
	key := "tg/present/one/chat:lobby"
	stored := func(want string) {
		t.Helper()
		eventually(t, func() bool { return redis.CLI("ZRANGE", key, "0", "-1") == want }, func() string { return redis.CLI("ZRANGE", key, "0", "-1") })
	}
	stored("a user a\nb user b\n")
	redis.CLI("ZREM", key, "b user b")
	redis.CLI("ZADD", key, "0", "ghost user g")
	redis.CLI("DEL", "tg/node/one") // as after a failover
	stored("a user a\nb user b\n")
	n.exit(0, lobby, "a", "b")
	stored("\n")
}

// TestUnwatched: a roster that nobody watches any more is forgotten.
func TestUnwatched(t *testing.T) {
	n := start(t, "one", "")
	v := n.watch(0, lobby)
	n.sees(v, are())
	n.keeper.Unwatch(0, lobby)
	eventually(t, func() bool { return n.keeper.counts.rosters.Load() == 0 }, func() string { return "the roster is still there" })
	n.enter(0, lobby, "a")
	again := n.watch(0, lobby)
	n.sees(again, are("a"))
}

// TestLastWords: what the loops have said before Close is marked.
func TestLastWords(t *testing.T) {
	redis := brokertest.StartRedis(t)
	n := start(t, "one", redis.URL())
	for i := range 3000 {
		n.enter(i%workers, lobby, fmt.Sprint("c", i))
	}
	eventually(t, func() bool { return n.keeper.counts.marks.Get() == 3000 }, func() string { return "all are marked" })
	for i := range 3000 {
		n.exit(i%workers, lobby, fmt.Sprint("c", i))
	}
	n.close()
	if left := redis.CLI("ZCARD", "tg/present/one/chat:lobby"); left != "0\n" {
		t.Errorf("left are %s", left)
	}
}

// TestManyMembers: a large group, on two nodes, is seen whole.
func TestManyMembers(t *testing.T) {
	all := nodes(t, brokertest.StartRedis(t).URL(), 2)
	var everyone []string
	for i := range 5000 {
		c := fmt.Sprintf("c%05d", i)
		everyone = append(everyone, c)
		all[i%2].enter(i%workers, lobby, c)
	}
	for _, n := range all {
		v := n.watch(0, lobby)
		n.sees(v, are(everyone...))
	}
}
