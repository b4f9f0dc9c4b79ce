package redisstream

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// passes has a message pass through a broker that follows the lobby.
func passes(t *testing.T, b *Broker, r *reader) {
	t.Helper()
	eventually(t, "ready", func() bool { return b.Ready() == nil })
	b.Subscribe(lobby)
	if err := <-r.opened; err != nil {
		t.Fatal(err)
	}
	if err := publish(t, b, "hello"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message came", func() bool { return len(r.texts()) == 1 })
}

// TestPrefix: gateways with different prefixes share a Redis and do not hear each other.
func TestPrefix(t *testing.T) {
	redis := brokertest.StartRedis(t)
	readers := [2]*reader{newReader(), newReader()}
	var brokers [2]*Broker
	for i, prefix := range []string{"tg", "tg-2"} {
		brokers[i] = openWith(t, Config{URL: redis.URL(), Prefix: prefix, Receiver: readers[i].receiver()})
		passes(t, brokers[i], readers[i])
	}
	for i, b := range brokers {
		for range 10 {
			if err := publish(t, b, strings.Repeat("x", i+1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	value := broker.Value{Key: "session/1", Data: []byte("one"), Lives: patience}
	if err := brokers[0].Put(t.Context(), []broker.Value{value}); err != nil {
		t.Fatal(err)
	}
	if data, err := brokers[1].Get(t.Context(), value.Key); data != nil || err != nil {
		t.Errorf("one prefix has what the other has put: %q, %v", data, err)
	}
	for i, r := range readers {
		eventually(t, "its own came", func() bool { return len(r.texts()) == 11 })
		for _, text := range r.texts()[1:] {
			if text != strings.Repeat("x", i+1) {
				t.Errorf("broker %d hears %q", i, text)
			}
		}
	}
}

// TestTLS: with the authority's certificate, and for a server that asks for one, with a
// certificate of our own.
func TestTLS(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		redis := brokertest.StartSecure(t, strict)
		security := TLS{CAFile: redis.CA}
		if strict {
			security.CertFile, security.KeyFile = redis.Cert, redis.Key
		}
		r := newReader()
		passes(t, openWith(t, Config{URL: redis.URL(), TLS: security, Receiver: r.receiver()}), r)
	}
}

// TestClusterTLS: the nodes that a Cluster names are verified like the first.
func TestClusterTLS(t *testing.T) {
	t.Parallel()
	c := brokertest.StartSecureCluster(t)
	r := newReader()
	b := openWith(t, Config{URL: c.URL(), TLS: TLS{CAFile: c.CA}, Receiver: r.receiver()})
	passes(t, b, r)
	for i := range 20 { // on all masters
		if err := b.Put(t.Context(), []broker.Value{{Key: strconv.Itoa(i), Data: []byte("x"), Lives: patience}}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTLSRefused: a server is not believed whose authority is not known, and the reason
// is told; so it is where our own certificate is missing.
func TestTLSRefused(t *testing.T) {
	t.Parallel()
	redis := brokertest.StartSecure(t, true)
	f := func(security TLS, want string) {
		t.Helper()
		b := openWith(t, Config{URL: redis.URL(), TLS: security, Receiver: newReader().receiver()})
		eventually(t, "the reason is told", func() bool {
			err := b.Ready()
			return err != nil && strings.Contains(err.Error(), want)
		})
	}
	f(TLS{}, "certificate signed by unknown authority")
	f(TLS{CAFile: redis.CA}, "certificate required")
}

// TestTLSFiles: what is wrong with the files is said at once.
func TestTLSFiles(t *testing.T) {
	redis := brokertest.StartSecure(t, false)
	f := func(url string, security TLS, want string) {
		t.Helper()
		if _, err := parse(url, security); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", security, err, want)
		}
	}
	f("redis://h", TLS{CAFile: redis.CA}, "begin with rediss")
	f("rediss://h", TLS{CAFile: filepath.Join(t.TempDir(), "none")}, "redis.tls.ca_file")
	f("rediss://h", TLS{CAFile: redis.Key}, "has no certificate in it")
	f("rediss://h", TLS{CertFile: redis.Cert}, "go together")
	f("rediss://h", TLS{KeyFile: redis.Key}, "go together")
	f("rediss://h", TLS{CertFile: redis.Key, KeyFile: redis.Cert}, "redis.tls.cert_file")
}

// TestUnixSocket: a server on the same machine can be named by its socket.
func TestUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "redis.sock")
	brokertest.StartRedis(t, "--unixsocket", socket)
	r := newReader()
	passes(t, openWith(t, Config{URL: "unix://" + socket + "?db=1", Receiver: r.receiver()}), r)
}

// rights are what docs/operations.md asks for.
var rights = []string{"ACL", "SETUSER", "tidegate", "on", ">secret", "~tg:*", "~tg/*", "&tg/*",
	"+xadd", "+xread", "+xrange", "+xrevrange", "+xinfo|stream", "+hello", "+auth", "+ping", "+select", "+client|tracking", "+wait", "+time", "+info", "+set", "+get", "+getdel", "+del", "+exists", "+expire", "+pexpire",
	"+zadd", "+zrem", "+zrange", "+zrangebylex", "+subscribe", "+unsubscribe"}

// TestSentinelACL: the rights are enough, and so are those for the Sentinels.
func TestSentinelACL(t *testing.T) {
	t.Parallel()
	s := brokertest.StartSentinel(t)
	for _, server := range s.Servers {
		server.CLI(rights...)
	}
	for _, watch := range s.Sentinels {
		watch.CLI("ACL", "SETUSER", "guard", "on", ">gate", "+hello", "+auth", "+ping", "+sentinel|get-master-addr-by-name", "+sentinel|master")
	}
	url := strings.Replace(s.URL(), "://", "://tidegate:secret@", 1) + "?sentinel_username=guard&sentinel_password=gate"
	r := newReader()
	passes(t, openWith(t, Config{URL: url, Receiver: r.receiver()}), r)
}

// TestClusterACL: a Cluster needs two rights more, also while a slot is on its way.
func TestClusterACL(t *testing.T) {
	t.Parallel()
	c := brokertest.StartCluster(t)
	for _, server := range append(c.Masters[:], c.Replica) {
		server.CLI(append(rights, "+cluster|slots", "+asking")...)
	}
	r := newReader()
	b := openWith(t, Config{URL: strings.Replace(c.URL(), "://", "://tidegate:secret@", 1), Receiver: r.receiver()})
	passes(t, b, r)
	slot := c.Slot(b.key(lobby))
	to := c.Masters[0]
	if to == c.Owner(slot) {
		to = c.Masters[1]
	}
	c.Begin(slot, c.Owner(slot), to)
	if err := publish(t, b, "on its way"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message came", func() bool { return len(r.texts()) == 2 })
	if err := b.Put(t.Context(), []broker.Value{{Key: "a", Data: []byte("1"), Lives: patience}, {Key: "b", Data: []byte("2"), Lives: patience}}); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "1", "b": "2"} {
		if data, err := b.Take(t.Context(), key); err != nil || string(data) != want {
			t.Errorf("taken is %q, %v", data, err)
		}
	}
}

// TestWaitReplicas: with a replica messages are acked as ever; without one they are in
// the stream, and the publisher is told that they may be lost.
func TestWaitReplicas(t *testing.T) {
	t.Parallel()
	s := brokertest.StartSentinel(t)
	for _, server := range s.Servers {
		server.CLI(rights...)
	}
	url := strings.Replace(s.URL(), "://", "://tidegate:secret@", 1)
	r := newReader()
	b := openWith(t, Config{URL: url, WaitReplicas: 1, WaitTimeout: timeout / 4, Receiver: r.receiver()})
	passes(t, b, r)
	s.Servers[1].Kill()
	if err := publish(t, b, "alone"); !errors.Is(err, broker.ErrUnknown) || !errors.Is(err, errUnreplicated) {
		t.Errorf("publish without a replica: %v", err)
	}
	eventually(t, "it came nevertheless", func() bool { return len(r.texts()) == 2 })
}
