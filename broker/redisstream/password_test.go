package redisstream

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// withPassword is a server's URL with one.
func withPassword(r *brokertest.Redis, password string) string {
	return strings.Replace(r.URL(), "://", "://:"+password+"@", 1)
}

// TestWrongPassword: a server that refuses the connection itself has done nothing and has
// nothing: no group is opened, no message taken, and the node is not ready, until it is
// let in.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	redis := brokertest.StartRedis(t)
	redis.CLI("CONFIG", "SET", "requirepass", "right")
	r := newReader()
	b := openWith(t, Config{URL: withPassword(redis, "wrong"), Receiver: r.receiver()})
	b.Subscribe(lobby)
	eventually(t, "the reason is told", func() bool {
		err := b.Ready()
		return err != nil && strings.Contains(err.Error(), "WRONGPASS")
	})
	if err := publish(t, b, "hello"); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("a message is answered with %v", err)
	}
	if _, err := b.Read(t.Context(), lobby, broker.Position{}, 1); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("the stream is read: %v", err)
	}
	select {
	case err := <-r.opened:
		t.Errorf("the group was opened: %v", err)
	default:
	}
	redis.CLI("-a", "right", "CONFIG", "SET", "requirepass", "wrong")
	if err := <-r.opened; err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready", func() bool { return b.Ready() == nil })
	if err := publish(t, b, "hello"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message came", func() bool { return len(r.texts()) == 1 })
}

// TestPasswordChanged: when the password is changed under a node, and its connections are
// cut, nothing is acked, and nothing is taken for lost; when it is put right, it goes on.
func TestPasswordChanged(t *testing.T) {
	t.Parallel()
	redis := brokertest.StartRedis(t)
	redis.CLI("CONFIG", "SET", "requirepass", "right")
	r := newReader()
	b := openWith(t, Config{URL: withPassword(redis, "right"), Receiver: r.receiver()})
	passes(t, b, r)
	redis.CLI("-a", "right", "CONFIG", "SET", "requirepass", "other")
	redis.CLI("-a", "other", "CLIENT", "KILL", "TYPE", "pubsub")
	redis.CLI("-a", "other", "CLIENT", "KILL", "TYPE", "normal")
	eventually(t, "the node is not ready", func() bool { return b.Ready() != nil })
	if err := publish(t, b, "refused"); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("a message is answered with %v", err)
	}
	redis.CLI("-a", "other", "CONFIG", "SET", "requirepass", "right")
	eventually(t, "ready", func() bool { return b.Ready() == nil })
	if err := publish(t, b, "again"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message came", func() bool { return len(r.texts()) >= 2 })
	if got := r.texts(); !slices.Equal(got, []string{"hello", "again"}) || r.lost() > 0 {
		t.Errorf("%q came, with %d gaps", got, r.lost())
	}
}

// TestTooManyClients: the same of a server that has as many clients as it may have. It
// hangs up at once, so that it may not be known whether it has a message.
func TestTooManyClients(t *testing.T) {
	t.Parallel()
	redis := brokertest.StartRedis(t)
	r := newReader()
	b := openWith(t, Config{URL: redis.URL(), Receiver: r.receiver()})
	passes(t, b, r)
	only, err := net.DialTimeout("tcp", redis.Addr(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer only.Close()
	say := func(command string) {
		t.Helper()
		_ = only.SetDeadline(time.Now().Add(patience))
		answer := make([]byte, 64)
		if _, err := io.WriteString(only, command+"\r\n"); err != nil {
			t.Fatal(err)
		}
		if n, err := only.Read(answer); err != nil || answer[0] == '-' {
			t.Fatalf("%s: %q, %v", command, answer[:n], err)
		}
	}
	say("CONFIG SET maxclients 1")
	say("CLIENT KILL TYPE pubsub SKIPME yes")
	say("CLIENT KILL TYPE normal SKIPME yes")
	eventually(t, "the node is not ready", func() bool { return b.Ready() != nil })
	if err := publish(t, b, "refused"); !errors.Is(err, broker.ErrUnavailable) && !errors.Is(err, broker.ErrUnknown) {
		t.Errorf("a message is answered with %v", err)
	}
	say("CONFIG SET maxclients 1000")
	eventually(t, "ready", func() bool { return b.Ready() == nil })
	if err := publish(t, b, "again"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message came", func() bool { return len(r.texts()) >= 2 })
	if got := r.texts(); !slices.Equal(got, []string{"hello", "again"}) || r.lost() > 0 {
		t.Errorf("%q came, with %d gaps", got, r.lost())
	}
}
