package main

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker/brokertest"
)

// gone reads up to the end of a connection that the gateway drains: what came before
// system/disconnected, that frame, and then nothing but close 1012.
func (c *client) gone() (before []frame, last frame) {
	c.t.Helper()
	for last = c.next(); last.Event != "disconnected"; last = c.next() {
		before = append(before, last)
	}
	if text, _, err := c.read(); err == nil {
		c.t.Errorf("after system/disconnected comes %s", text)
		return before, last
	} else if code := closeCode(err); code != 1012 {
		c.t.Errorf("the connection ends with %v, want close 1012", err)
	}
	c.conn.Close()
	return before, last
}

// TestDrainIsAnnounced: a node that was asked to end says so on both listeners and
// serves on, newcomers too; a second signal ends it without more ado.
func TestDrainIsAnnounced(t *testing.T) {
	p := spawn(t, "--set", "drain.delay=1h")
	old := p.connect("chat")
	old.join("g")
	if draining := p.metric("tidegate_draining"); draining != 0 {
		t.Errorf("tidegate_draining is %g before", draining)
	}
	p.signal(syscall.SIGTERM)
	for _, address := range []string{p.public, p.operator} {
		eventually(t, "the node is not ready", func() bool { status, _ := p.get(address, "/readyz"); return status == 503 })
		if _, body := p.get(address, "/readyz"); !strings.Contains(body, "node: draining") || !strings.Contains(body, "broker: ok") {
			t.Errorf("/readyz says %q", body)
		}
		if status, _ := p.get(address, "/healthz"); status != 200 {
			t.Errorf("/healthz says %d", status)
		}
	}
	if draining := p.metric("tidegate_draining"); draining != 1 {
		t.Errorf("tidegate_draining is %g", draining)
	}
	young := p.connect("chat")
	young.send(`{"type":"sendToGroup","group":"g","data":"still here","ackId":1}`)
	young.ack(1)
	old.message("g")
	p.signal(syscall.SIGTERM)
	old.gone()
	young.gone()
	p.endsWith(0)
	p.said("hurrying")
}

// TestInterruptDoesNotWait: Ctrl-C ends a node that nobody uses, without the delay.
func TestInterruptDoesNotWait(t *testing.T) {
	p := spawn(t, "--set", "drain.delay=1h", "--set", "drain.window=1h")
	p.signal(syscall.SIGINT)
	p.endsWith(0)
}

// TestDrainSpreads: every client is told when to come back, at different times within
// the window, and closed; clients of bare payloads are just closed.
func TestDrainSpreads(t *testing.T) {
	const clients = 100
	p := spawn(t, "--set", "drain.window=2s")
	var all []*client
	for range clients {
		all = append(all, p.connect("chat"))
	}
	bare := p.simple("/ws/chat/g/")
	p.signal(syscall.SIGTERM)
	var pauses []int
	for _, c := range all {
		_, last := c.gone()
		pauses = append(pauses, last.ReconnectAfterMs)
	}
	if code := bare.closedWith(); code != 1012 {
		t.Errorf("a simple client is closed with %d", code)
	}
	bare.conn.Close()
	p.endsWith(0)
	p.said(fmt.Sprintf(`"told":%d`, clients+1))
	slices.Sort(pauses)
	// 101 connections are closed over 1.01 s. That all of them are in one half of it has
	// a chance of one in 2^99.
	if low, high := pauses[0], pauses[clients-1]; low < 1 || low > 505 || high < 505 || high > 1010 {
		t.Errorf("clients are to come back after %d to %d ms; want them spread over 1010", low, high)
	}
	if different := len(slices.Compact(pauses)); different < clients/2 {
		t.Errorf("%d clients were given only %d pauses", clients, different)
	}
}

// TestDrainHurries: in the middle of the window a second signal closes everybody.
func TestDrainHurries(t *testing.T) {
	const clients = 400
	p := spawn(t, "--set", "drain.window=1h")
	var all []*client
	for range clients {
		all = append(all, p.connect("chat"))
	}
	p.signal(syscall.SIGTERM)
	p.said("not accepting")
	p.signal(syscall.SIGTERM)
	for _, c := range all {
		c.gone()
	}
	p.endsWith(0)
	p.said(fmt.Sprintf(`"told":%d`, clients))
}

// burst is a publisher that has many messages under way.
type burst struct {
	c     *client
	name  string
	acked []string
}

// run publishes without waiting until the gateway hangs up, and notes what was acked.
func (b *burst) run(published *sync.WaitGroup) {
	defer published.Done()
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(4 * time.Millisecond):
			}
			text := fmt.Sprintf(`{"type":"sendToGroup","group":"flow","dataType":"text","data":"%s%d","ackId":%d}`, b.name, i, i)
			if writeText(b.c.conn, text) != nil {
				return // the gateway has hung up
			}
		}
	})
	before, _ := b.c.gone()
	close(stop)
	writing.Wait()
	for _, f := range before {
		if f.Type == "ack" && f.Success {
			b.acked = append(b.acked, fmt.Sprintf("%q", fmt.Sprintf("%s%d", b.name, f.AckID)))
		}
	}
}

// TestDrainTellsOutcomes: a node ends in the middle of a thousand publishes a second.
// Redis keeps it waiting, so that everybody's turn comes with acks on their way. What is
// in the stream was acked, and what was acked is in the stream: nobody is closed before.
func TestDrainTellsOutcomes(t *testing.T) {
	redis := brokertest.StartRedis(t)
	other := start(t, "--broker", redis.URL(), "--set", "capacity=100000")
	watcher := other.connect("chat")
	watcher.join("flow")
	p := spawn(t, "--broker", redis.URL(), "--set", "capacity=100000", "--set", "publish.timeout=20s")
	bursts := make([]*burst, 4)
	var published sync.WaitGroup
	for i := range bursts {
		bursts[i] = &burst{c: p.connect("chat"), name: string(rune('a' + i))}
		published.Add(1)
		go bursts[i].run(&published)
	}
	eventually(t, "messages flow", func() bool { return p.metric("app_messages_total") > 500 })
	redis.CLI("CLIENT", "PAUSE", "700", "WRITE")
	eventually(t, "acks are waited for", func() bool { return p.metric("tidegate_broker_queue_messages ") > 50 })
	p.signal(syscall.SIGTERM)
	published.Wait()
	p.endsWith(0)
	other.connect("chat").send(`{"type":"sendToGroup","group":"flow","dataType":"text","data":"the end"}`)
	got := readUntil(watcher, `"the end"`)
	for _, b := range bursts {
		if missing := inOrder(b.acked, got); missing != "" {
			t.Errorf("%s was acked and is missing, doubled or out of order", missing)
		}
		for _, data := range got {
			if strings.HasPrefix(data, `"`+b.name) && !slices.Contains(b.acked, data) {
				t.Errorf("%s is in the stream, and its publisher was not told", data)
			}
		}
	}
	t.Logf("%d messages, and as many acks", len(got)-1)
}

// TestDrainLetsReadersFinish: what was queued for a client that reads late is before its
// close frame.
func TestDrainLetsReadersFinish(t *testing.T) {
	const messages, size = 200, 10 << 10
	p := spawn(t, "--set", "limits.send_buffer_bytes=16MiB", "--set", "limits.socket_buffer_bytes=16KiB", "--set", "shutdown.timeout=1m")
	reader, writer := p.connect("chat"), p.connect("chat")
	reader.join("g")
	for i := range messages {
		writer.send(`{"type":"sendToGroup","group":"g","dataType":"text","data":"%d %s","ackId":%d}`, i, strings.Repeat("x", size), i+1)
		writer.ack(uint64(i + 1))
	}
	eventually(t, "all is queued for the reader", func() bool { return p.metric("tidegate_deliveries_total") == messages })
	p.signal(syscall.SIGTERM)
	p.said("clients were told to go")
	before, _ := reader.gone()
	if len(before) != messages {
		t.Fatalf("the reader got %d messages of %d", len(before), messages)
	}
	for i, f := range before {
		if !strings.HasPrefix(string(f.Data), fmt.Sprintf(`"%d `, i)) {
			t.Fatalf("message %d is %.20s", i, f.Data)
		}
	}
	p.endsWith(0)
}

// TestDrainDoesNotWaitForever: a client that reads nothing has its time, and no more.
func TestDrainDoesNotWaitForever(t *testing.T) {
	p := spawn(t, "--set", "shutdown.timeout=300ms", "--set", "drain.window=100ms")
	deaf, writer := p.connect("chat"), p.connect("chat")
	deaf.join("g")
	for i := range 200 {
		writer.send(`{"type":"sendToGroup","group":"g","dataType":"text","data":"%s","ackId":%d}`, strings.Repeat("x", 10<<10), i+1)
		writer.ack(uint64(i + 1))
	}
	p.signal(syscall.SIGTERM)
	writer.gone()
	p.endsWith(0)
	p.said("did not answer the close frame in time")
}

// TestDrainAnswersTheQueue: who waits at the door when the node stops accepting is
// told to try again; who is making his is let in, and goes like the others.
func TestDrainAnswersTheQueue(t *testing.T) {
	const waiting = 200
	p := spawn(t, "--set", "limits.handshakes=2")
	const head = "GET /client/hubs/chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	const rest = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	answers := make(chan string, waiting)
	var conns []net.Conn
	for range waiting {
		conn, in := raw(t, p.public, head)
		conns = append(conns, conn)
		go func() {
			defer conn.Close()
			response, err := http.ReadResponse(in, nil)
			switch {
			case err != nil:
				answers <- err.Error()
			case response.StatusCode == 503 && response.Header.Get("Retry-After") != "":
				answers <- "later"
			case response.StatusCode == 101:
				close := make([]byte, 4)
				_, err = in.Read(close)
				answers <- fmt.Sprintf("in, %d, %v", int(close[2])<<8|int(close[3]), err)
			default:
				answers <- response.Status
			}
		}()
	}
	eventually(t, "most of them wait", func() bool { return p.metric("tidegate_handshake_silent ") > waiting/2 })
	p.signal(syscall.SIGTERM)
	p.said("not accepting")
	counts := make(map[string]int)
	counts[<-answers]++
	for _, conn := range conns {
		_, _ = conn.Write([]byte(rest)) // in vain for those who were answered
	}
	for range waiting - 1 {
		counts[<-answers]++
	}
	if counts["later"] == 0 || counts["later"]+counts["in, 1012, <nil>"] != waiting {
		t.Errorf("%d connections waited; they were answered %v", waiting, counts)
	}
	t.Log(counts)
	p.endsWith(0)
}

// TestDrainWithoutRedis: Redis goes away while clients wait for their acks and the node
// ends: they are told, and it ends.
func TestDrainWithoutRedis(t *testing.T) {
	redis := brokertest.StartRedis(t)
	p := spawn(t, "--broker", redis.URL(), "--set", "drain.window=1s")
	var all []*client
	for range 50 {
		c := p.connect("chat")
		c.join("g")
		all = append(all, c)
	}
	redis.Kill()
	p.signal(syscall.SIGTERM)
	for _, c := range all {
		_ = writeText(c.conn, `{"type":"sendToGroup","group":"g","data":1,"ackId":2}`) // may be too late
	}
	for _, c := range all {
		c.gone()
	}
	p.endsWith(0)
	p.said(`"msg":"stopped"`)
}

// TestDrainWithStuckRequest: a request that never ends does not hold up the end of the node.
func TestDrainWithStuckRequest(t *testing.T) {
	p := spawn(t, "--set", "shutdown.timeout=1h", "--set", "drain.window=0", "--set", "limits.handshake_timeout=10m")
	c := p.connect("chat")
	conn, _ := raw(t, p.public, "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
	defer conn.Close()
	eventually(t, "the request has a place", func() bool { return p.metric("tidegate_handshakes") == 1 })
	p.signal(syscall.SIGTERM)
	c.gone()
	p.endsWith(0)
	p.said("requests that did not end")
}
