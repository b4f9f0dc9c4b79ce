package main

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker/brokertest"
	"github.com/tidegate/tidegate/gateway/auth"
)

// order asks something of the data plane, with the access key, and returns the status.
func (g *gateway) order(method, path string) int {
	g.t.Helper()
	status, body := g.do(method, g.operator, "/api/hubs/chat/"+path, http.Header{"Authorization": {"Bearer " + accessKey}}, "")
	if body != "" {
		g.t.Logf("%s %s: %d %s", method, path, status, strings.TrimSpace(body))
	}
	return status
}

// orders asks for something and wants a status.
func (g *gateway) orders(want int, method, path string) {
	g.t.Helper()
	if got := g.order(method, path); got != want {
		g.t.Errorf("%s %s: got %d, want %d", method, path, got, want)
	}
}

// tokenOf is one for a user with some roles that was made at a time.
func tokenOf(t testing.TB, user string, made time.Time, roles ...string) string {
	t.Helper()
	s, err := auth.Sign(accessKey, auth.Claims{User: user, Hub: "chat", Roles: roles, Issued: made, Expires: made.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// as connects a user with a token of now.
func (g *gateway) as(user string, roles ...string) *client {
	g.t.Helper()
	return g.connect("chat?access_token=" + tokenOf(g.t, user, time.Now(), roles...))
}

// try sends a request and reports whether its ack says that it was done.
func (c *client) try(id uint64, request string) bool {
	c.t.Helper()
	c.send(`{"ackId":%d,%s}`, id, request)
	return c.ack(id).Success
}

// onBrokers runs a test with one node on the memory broker, and with two on Redis, of
// which the first is asked and the other one has the clients.
func onBrokers(t *testing.T, test func(t *testing.T, asked, has *gateway), flags ...string) {
	flags = append([]string{"--set", "keys=" + accessKey}, flags...)
	t.Run("memory", func(t *testing.T) {
		g := start(t, flags...)
		test(t, g, g)
	})
	t.Run("redis", func(t *testing.T) {
		flags := append(flags, "--broker", brokertest.StartRedis(t).URL())
		asked, has := start(t, flags...), start(t, flags...)
		for _, g := range []*gateway{asked, has} {
			eventually(t, "the node is ready", func() bool {
				status, _ := g.do("GET", g.operator, "/readyz", nil, "")
				return status == 200
			})
		}
		test(t, asked, has)
	})
}

// TestPermissionRoutes: what a connection may do changes while it is there, whichever node
// is asked, and is what its own requests then show.
func TestPermissionRoutes(t *testing.T) {
	onBrokers(t, func(t *testing.T, asked, has *gateway) {
		c := has.as("ann", "webpubsub.sendToGroups.room.*")
		const send, join = "permissions/sendToGroup/connections/", "permissions/joinLeaveGroup/connections/"
		id := uint64(0)
		f := func(may bool, request string) {
			t.Helper()
			if id++; c.try(id, request) != may {
				t.Errorf("%s: done is %v", request, !may)
			}
		}
		const toOne, toTwo, in = `"type":"sendToGroup","group":"room.1","data":1`, `"type":"sendToGroup","group":"room.2","data":1`, `"type":"joinGroup","group":"hall"`
		f(true, toOne)
		f(false, in)
		asked.orders(404, "HEAD", join+c.id+"?targetName=hall")
		asked.orders(200, "PUT", join+c.id+"?targetName=hall")
		asked.orders(200, "HEAD", join+c.id+"?targetName=hall")
		f(true, in)
		asked.orders(204, "DELETE", send+c.id+"?targetName=room.1")
		asked.orders(404, "HEAD", send+c.id+"?targetName=room.1")
		asked.orders(200, "HEAD", send+c.id+"?targetName=room.2")
		f(false, toOne)
		f(true, toTwo)
		asked.orders(204, "DELETE", send+c.id)
		f(false, toTwo)
		asked.orders(200, "PUT", send+c.id)
		asked.orders(200, "HEAD", send+c.id)
		f(true, toOne)

		asked.orders(400, "PUT", "permissions/everything/connections/"+c.id)
		asked.orders(400, "PUT", join+c.id+"?targetName=.all")
		asked.orders(404, "PUT", join+strings.Repeat("A", 22)+"?targetName=hall")
		asked.orders(404, "HEAD", join+"nobody?targetName=hall")
		asked.orders(204, "DELETE", join+"nobody?targetName=hall")
		if status, _ := asked.do("PUT", asked.operator, "/api/hubs/chat/"+join+c.id+"?targetName=hall", nil, ""); status != 401 {
			t.Errorf("without a key: got %d, want 401", status)
		}
		if status, _ := asked.do("HEAD", asked.operator, "/api/hubs/other/connections/"+c.id, http.Header{"Authorization": {"Bearer " + accessKey}}, ""); status != 404 {
			t.Errorf("another hub: got %d, want 404", status)
		}
	})
}

// TestCloseOrders: connections are closed by their name, by their user, by their group,
// and with all others; those that are excluded stay.
func TestCloseOrders(t *testing.T) {
	onBrokers(t, func(t *testing.T, asked, has *gateway) {
		closed := func(c *client, want string) {
			t.Helper()
			f := c.next()
			if f.Event != "disconnected" || f.Message != want {
				t.Errorf("got %+v, want disconnected: %s", f, want)
			}
			if code := c.closedWith(); code != 1008 {
				t.Errorf("closed with %d, want 1008", code)
			}
			c.conn.Close()
		}
		c := has.as("ann")
		asked.orders(200, "HEAD", "connections/"+c.id)
		asked.orders(204, "DELETE", "connections/"+c.id+"?reason=enough")
		closed(c, "enough")
		asked.orders(404, "HEAD", "connections/"+c.id)

		one, two, other := has.as("bob"), has.as("bob"), asked.as("eve")
		asked.orders(200, "HEAD", "users/bob")
		asked.orders(204, "POST", "users/bob/:closeConnections?excluded="+two.id)
		closed(one, "the application has closed this connection")
		asked.orders(200, "HEAD", "users/bob")
		asked.orders(204, "POST", "users/bob/:closeConnections")
		closed(two, "the application has closed this connection")
		asked.orders(404, "HEAD", "users/bob")

		in := has.as("ann", "webpubsub.joinLeaveGroup")
		in.join("g")
		asked.orders(204, "POST", "groups/g/:closeConnections")
		closed(in, "the application has closed this connection")
		asked.orders(200, "HEAD", "connections/"+other.id)
		asked.orders(204, "POST", ":closeConnections")
		closed(other, "the application has closed this connection")

		eventually(t, "they are counted", func() bool { return has.metric(`tidegate_closes_total{reason="by_application"}`) >= 4 })
		asked.orders(400, "DELETE", "connections/"+in.id+"?reason=%FF")
		asked.orders(404, "POST", "users/bob/:hug")
		asked.orders(404, "POST", ":hug")
	})
}

// TestGroupOrders: the application has connections join and leave, whatever their
// permissions.
func TestGroupOrders(t *testing.T) {
	onBrokers(t, func(t *testing.T, asked, has *gateway) {
		c := has.as("a/b ü")
		send := func(n int) {
			t.Helper()
			status, _ := asked.do("POST", asked.operator, "/api/hubs/chat/groups/g/:send",
				http.Header{"Authorization": {"Bearer " + accessKey}, "Content-Type": {"application/json"}}, fmt.Sprint(n))
			if status != 202 {
				t.Fatalf("send: %d", status)
			}
		}
		const user = "users/a%2Fb%20%C3%BC"
		asked.orders(200, "PUT", "groups/g/connections/"+c.id)
		send(1)
		asked.orders(204, "DELETE", "groups/g/connections/"+c.id)
		send(2)
		asked.orders(200, "PUT", user+"/groups/g")
		send(3)
		asked.orders(204, "DELETE", user+"/groups/g")
		send(4)
		asked.orders(200, "PUT", user+"/groups/g")
		asked.orders(200, "PUT", user+"/groups/h")
		send(5)
		asked.orders(204, "DELETE", user+"/groups")
		send(6)
		asked.orders(200, "PUT", user+"/groups/g")
		asked.orders(204, "DELETE", "connections/"+c.id+"/groups")
		send(7)
		asked.orders(200, "PUT", user+"/groups/g")
		send(8)
		for _, want := range []string{"1", "3", "5", "8"} {
			if m := c.message("g"); string(m.Data) != want {
				t.Errorf("got %s, want %s", m.Data, want)
			}
		}
		asked.orders(404, "PUT", "groups/g/connections/"+strings.Repeat("A", 22))
		asked.orders(404, "PUT", "users/nobody/groups/g")
		asked.orders(204, "DELETE", "users/nobody/groups/g")
	})
}

// TestRevoke: the connections of a user whose tokens are revoked are closed on every node,
// and no such token is taken again, by a node that has started since neither.
func TestRevoke(t *testing.T) {
	redis := brokertest.StartRedis(t)
	flags := []string{"--set", "keys=" + accessKey, "--broker", redis.URL()}
	one, two := start(t, flags...), start(t, flags...)
	before := time.Now().Add(-2 * time.Second)
	old := tokenOf(t, "ann", before)
	clients := []*client{one.connect("chat?access_token=" + old), two.connect("chat?access_token=" + old)}
	simple := two.simple("/client/hubs/chat?access_token=" + old)
	newer := two.connect("chat?access_token=" + tokenOf(t, "ann", time.Now().Add(time.Minute), allRoles...))
	bob := two.connect("chat?access_token=" + tokenOf(t, "bob", before, allRoles...))
	one.orders(204, "POST", "users/ann/:revoke")
	for _, c := range clients {
		if f := c.next(); f.Event != "disconnected" || !strings.Contains(f.Message, "revoked") {
			t.Errorf("got %+v, want disconnected", f)
		}
	}
	for _, c := range append(clients, simple) {
		if code := c.closedWith(); code != 1008 {
			t.Errorf("closed with %d, want 1008", code)
		}
		c.conn.Close()
	}
	for _, c := range []*client{newer, bob} {
		c.join("g")
	}
	for i, g := range []*gateway{one, two, start(t, flags...)} {
		_, err := dial(t, "ws://"+g.public+"/client/hubs/chat?access_token="+old, nil)
		if err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("node %d: a revoked token: %v, want 401", i, err)
		}
		if n := g.metric(`tidegate_tokens_refused_total{reason="revoked"}`); n != 1 {
			t.Errorf("node %d: %g are counted, want 1", i, n)
		}
		g.connect("chat?access_token=" + tokenOf(t, "ann", time.Now().Add(time.Minute)))
		g.connect("chat?access_token=" + tokenOf(t, "bob", before))
	}
	eventually(t, "the closes are counted", func() bool {
		return one.metric(`tidegate_closes_total{reason="revoked"}`)+two.metric(`tidegate_closes_total{reason="revoked"}`) == 3
	})
}

// TestRevokeStoppedNode: a node that does not run when a user is revoked closes that
// user's connections as soon as it runs again: because it reads the order then, or, if
// so much was ordered meanwhile that it was lost, because it looks who was revoked.
func TestRevokeStoppedNode(t *testing.T) {
	for _, meanwhile := range []int{0, 300} {
		t.Run(fmt.Sprint(meanwhile), func(t *testing.T) {
			t.Parallel()
			flags := []string{"--set", "keys=" + accessKey, "--broker", brokertest.StartRedis(t).URL(), "--set", "capacity=10"}
			runs, sleeps := spawn(t, flags...), spawn(t, flags...)
			c := sleeps.connect("chat?access_token=" + tokenOf(t, "ann", time.Now().Add(-2*time.Second)))
			stays := sleeps.as("bob", allRoles...)
			sleeps.signal(syscall.SIGSTOP)
			runs.orders(204, "POST", "users/ann/:revoke") // once the other node's lease has ended
			for range meanwhile {
				runs.orders(404, "HEAD", "users/nobody")
			}
			sleeps.signal(syscall.SIGCONT)
			if code := c.closedWith(); code != 1008 {
				t.Errorf("closed with %d, want 1008", code)
			}
			stays.join("g")
			if lost := sleeps.metric(`app_errors_total{reason="broker_gap"}`) > 0; lost != (meanwhile > 0) {
				t.Errorf("after %d orders the node has lost some: %v", meanwhile, lost)
			}
		})
	}
}

// TestOrdersAndSessions: what the application has said of a reliable session stays said on
// the node where it goes on, also while its client is away; and one that it has closed
// does not go on.
func TestOrdersAndSessions(t *testing.T) {
	onBrokers(t, func(t *testing.T, asked, has *gateway) {
		open := func() *reliableClient {
			t.Helper()
			return has.reliable("chat?access_token=" + tokenOf(t, "ann", time.Now(), allRoles...))
		}
		away := func(c *reliableClient) {
			t.Helper()
			before := has.metric("tidegate_sessions_detached_total")
			c.cut()
			eventually(t, "the session is away", func() bool { return has.metric("tidegate_sessions_detached_total") > before })
		}
		again := func(c *reliableClient) error {
			t.Helper()
			return c.open(asked, "&"+recovery(c.id, c.token)[1:])
		}
		c := open()
		asked.orders(204, "DELETE", "permissions/sendToGroup/connections/"+c.id+"?targetName=a")
		away(c)
		asked.orders(200, "HEAD", "connections/"+c.id)
		asked.orders(204, "DELETE", "permissions/sendToGroup/connections/"+c.id+"?targetName=b")
		eventually(t, "it goes on", func() bool { return again(c) == nil })
		for i, want := range map[string]bool{"a": false, "b": false, "c": true} {
			c.send(`{"type":"sendToGroup","group":%q,"data":1,"ackId":%d}`, i, i[0])
			if f := c.ack(uint64(i[0])); f.Success != want {
				t.Errorf("send to %s: %+v", i, f)
			}
		}

		for what, path := range map[string]string{"there": "connections/", "away": "connections/"} {
			d := open()
			if what == "away" {
				away(d)
			}
			asked.orders(204, "DELETE", path+d.id)
			asked.orders(404, "HEAD", path+d.id)
			if err := again(d); err == nil || !strings.Contains(err.Error(), "1008") {
				t.Errorf("a session that was closed when it was %s: %v, want 1008", what, err)
			}
		}
	})
}
