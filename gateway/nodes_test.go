package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestTwoNodes: two gateways see each other's messages, all members in the same
// order, the sender with noEcho excepted, however Redis is run.
func TestTwoNodes(t *testing.T) {
	t.Run("server", func(t *testing.T) { twoNodes(t, "--broker", brokertest.StartRedis(t).URL()) })
	t.Run("sentinel", func(t *testing.T) { twoNodes(t, "--broker", brokertest.StartSentinel(t).URL()) })
	t.Run("cluster", func(t *testing.T) { twoNodes(t, "--broker", brokertest.StartCluster(t).URL()) })
	t.Run("TLS", func(t *testing.T) {
		redis := brokertest.StartSecure(t, true)
		twoNodes(t, "--broker", redis.URL(), "--set", "redis.tls.ca_file="+redis.CA,
			"--set", "redis.tls.cert_file="+redis.Cert, "--set", "redis.tls.key_file="+redis.Key)
	})
}

func twoNodes(t *testing.T, flags ...string) {
	one, two := start(t, flags...), start(t, flags...)
	a, b := one.connect("chat"), two.connect("chat")
	a.join("lobby")
	b.join("lobby")
	const each = 200
	for i := range each {
		a.send(`{"type":"sendToGroup","group":"lobby","dataType":"text","data":"a%d"}`, i)
		b.send(`{"type":"sendToGroup","group":"lobby","dataType":"text","data":"b%d"}`, i)
	}
	var got [2][]string
	for range 2 * each {
		got[0] = append(got[0], string(a.message("lobby").Data))
		got[1] = append(got[1], string(b.message("lobby").Data))
	}
	if !slices.Equal(got[0], got[1]) {
		t.Error("the nodes show different orders")
	}
	for _, sender := range []string{"a", "b"} {
		i := 0
		for _, data := range got[0] {
			if strings.HasPrefix(data, `"`+sender) {
				if want := fmt.Sprintf(`"%s%d"`, sender, i); data != want {
					t.Fatalf("got %s, want %s", data, want)
				}
				i++
			}
		}
		if i != each {
			t.Errorf("%d messages of %s, want %d", i, sender, each)
		}
	}
	b.send(`{"type":"sendToGroup","group":"lobby","data":"quiet","noEcho":true}`)
	b.send(`{"type":"sendToGroup","group":"lobby","data":"last"}`)
	if m := b.message("lobby"); string(m.Data) != `"last"` {
		t.Errorf("the sender got %s", m.Data)
	}
	if m := a.message("lobby"); string(m.Data) != `"quiet"` {
		t.Errorf("the other node's member got %s", m.Data)
	}
}

// TestPlainXADD: a message that somebody adds to the stream by hand is a message.
func TestPlainXADD(t *testing.T) {
	redis := brokertest.StartRedis(t)
	g := start(t, "--broker", redis.URL())
	c := g.connect("chat")
	s := g.simpleIn("/ws/chat/lobby/")
	c.join("lobby")
	redis.CLI("XADD", "tg:chat:lobby", "MAXLEN", "~", "1000", "*", "note", "no data field, so it is skipped")
	id := strings.TrimSpace(redis.CLI("XADD", "tg:chat:lobby", "MAXLEN", "~", "1000", "*", "data", `{"text":"hello"}`))
	if m := c.message("lobby"); string(m.Data) != `{"text":"hello"}` || m.Position != id {
		t.Errorf("got %s at %s, want it at %s", m.Data, m.Position, id)
	}
	if got := s.text(); got != `{"text":"hello"}` {
		t.Errorf("the simple client got %s", got)
	}
}

// flow is a publisher that numbers its messages and notes which were acked, and
// a reader of the same client's frames.
type flow struct {
	c     *client
	acked []string
	ended chan struct{}
}

// publish sends numbered messages one after the other, each as its own try, until
// stop is closed. What is not acked with success may or may not be in the stream.
func (f *flow) publish(name string, stop <-chan struct{}) {
	defer close(f.ended)
	for i := uint64(1); ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		data := fmt.Sprintf("%s%d", name, i)
		f.c.send(`{"type":"sendToGroup","group":"flow","dataType":"text","data":%q,"ackId":%d}`, data, i)
		if ack := f.c.next(); ack.Type == "ack" && ack.AckID == i && ack.Success {
			f.acked = append(f.acked, fmt.Sprintf("%q", data))
		}
	}
}

// TestRedisKilled kills Redis with SIGKILL while messages flow and starts it
// again on its append-only file: members on both nodes, still on the connections
// that they had, get every acked message once and in order.
func TestRedisKilled(t *testing.T) {
	redis := brokertest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "everysec")
	nodes := []*gateway{start(t, "--broker", redis.URL(), "--set", "capacity=100000"), start(t, "--broker", redis.URL(), "--set", "capacity=100000")}
	var members []*client
	for _, g := range nodes {
		c := g.connect("chat")
		c.join("flow")
		members = append(members, c)
	}
	stop := make(chan struct{})
	var flows []*flow
	for i, g := range nodes {
		f := &flow{c: g.connect("chat"), ended: make(chan struct{})}
		flows = append(flows, f)
		go f.publish(string(rune('a'+i)), stop)
	}
	for range 2 {
		time.Sleep(500 * time.Millisecond) // messages flow
		redis.Kill()
		eventually(t, "both nodes are unready", func() bool { return !ready(nodes[0]) && !ready(nodes[1]) })
		if _, body := nodes[0].get(nodes[0].public, "/readyz"); !strings.Contains(body, "broker: ") || strings.Contains(body, "broker: ok") {
			t.Errorf("/readyz does not name the broker: %q", body)
		}
		redis.Restart()
		eventually(t, "both nodes are ready again", func() bool { return ready(nodes[0]) && ready(nodes[1]) })
	}
	time.Sleep(500 * time.Millisecond)
	close(stop)
	for _, f := range flows {
		<-f.ended
	}
	nodes[1].connect("chat").send(`{"type":"sendToGroup","group":"flow","dataType":"text","data":"the end"}`)
	for i, c := range members {
		got := readUntil(c, `"the end"`)
		for _, f := range flows {
			if missing := inOrder(f.acked, got); missing != "" {
				t.Errorf("member on node %d: acked message %s is missing, doubled or out of order", i, missing)
			}
		}
		if t.Failed() {
			t.Log(nodes[i].log)
		}
		t.Logf("member on node %d got %d messages; %d and %d were acked", i, len(got), len(flows[0].acked), len(flows[1].acked))
	}
}

func ready(g *gateway) bool {
	status, _ := g.get(g.public, "/readyz")
	return status == 200
}

// readUntil reads messages up to the last one.
func readUntil(c *client, last string) []string {
	c.t.Helper()
	var got []string
	for {
		data := string(c.message("flow").Data)
		if data == last {
			return got
		}
		got = append(got, data)
	}
}

// inOrder returns the first of want that is not in got exactly once and after the
// one before it; empty if there is none.
func inOrder(want, got []string) string {
	at := make(map[string]int, len(got))
	for i, data := range got {
		if _, twice := at[data]; twice {
			return data
		}
		at[data] = i
	}
	before := -1
	for _, data := range want {
		i, ok := at[data]
		if !ok || i < before {
			return data
		}
		before = i
	}
	return ""
}

// TestRedisAway: while Redis cannot be reached publishes fail fast with an ack
// that says so, joins too, clients stay, and nothing has to be restarted.
func TestRedisAway(t *testing.T) {
	redis := brokertest.StartRedis(t)
	g := start(t, "--broker", redis.URL())
	c := g.connect("chat")
	c.join("g")
	redis.Kill()
	c.send(`{"type":"sendToGroup","group":"g","data":1,"ackId":2}`)
	if f := c.ack(2); f.Success || f.Error.Name != "InternalServerError" || !strings.Contains(f.Error.Message, "broker") {
		t.Errorf("publish: %+v", f)
	}
	c.send(`{"type":"joinGroup","group":"other","ackId":3}`)
	if f := c.ack(3); f.Success || f.Error.Name != "InternalServerError" {
		t.Errorf("join: %+v", f)
	}
	eventually(t, "the node is unready", func() bool { return !ready(g) })
	if status, _ := g.get(g.public, "/healthz"); status != 200 {
		t.Errorf("/healthz is %d: liveness is not the broker's", status)
	}
	redis.Restart()
	eventually(t, "the node is ready again", func() bool { return ready(g) })
	c.send(`{"type":"joinGroup","group":"other","ackId":3}`)
	if f := c.ack(3); !f.Success {
		t.Errorf("join again with the same id: %+v", f)
	}
	c.send(`{"type":"sendToGroup","group":"other","dataType":"text","data":"back"}`)
	if m := c.message("other"); string(m.Data) != `"back"` {
		t.Errorf("got %s", m.Data)
	}
}

// TestRedisAbsentAtStart: a node starts without its Redis, says that it is not
// ready, and becomes ready when Redis is there.
func TestRedisAbsentAtStart(t *testing.T) {
	redis := brokertest.StartRedis(t)
	redis.Kill()
	g := start(t, "--broker", redis.URL())
	eventually(t, "the node is unready", func() bool { return !ready(g) })
	redis.Restart()
	eventually(t, "the node is ready", func() bool { return ready(g) })
	c := g.connect("chat")
	c.join("g")
}
