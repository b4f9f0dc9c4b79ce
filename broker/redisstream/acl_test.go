package redisstream

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestACL: the rights that docs/operations.md asks for are enough.
func TestACL(t *testing.T) {
	for name, refused := range map[string]string{"all": "", "without the server's name": "-info"} {
		t.Run(name, func(t *testing.T) { allowed(t, refused) })
	}
}

// allowed uses all that the broker does with the rights, but for one.
func allowed(t *testing.T, refused string) {
	t.Helper()
	redis := brokertest.StartRedis(t)
	redis.CLI(append(rights, strings.Fields(refused)...)...)
	r := newReader()
	b := subscribed(t, "redis://tidegate:secret@"+redis.Addr()+"/0", limits(), r)
	eventually(t, "ready", func() bool { return b.Ready() == nil })
	if err := publish(t, b, "hello"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message came", func() bool { return len(r.texts()) == 1 })
	mark := broker.Mark{Group: broker.Group{Hub: "chat", Name: "g"}, Connection: "c"}
	gone := mark
	gone.Gone = true
	_, err := b.Lease(t.Context(), "a", time.Minute)
	err = errors.Join(err, b.Mark(t.Context(), "a", []broker.Mark{mark}, time.Minute))
	living, noLiving := b.Living(t.Context())
	present, noPresent := b.Present(t.Context(), mark.Group, living, "", 10)
	err = errors.Join(err, noLiving, noPresent, b.Mark(t.Context(), "a", []broker.Mark{gone}, time.Minute), b.Resign(t.Context(), "a"))
	if err != nil || len(present) != 1 {
		t.Errorf("present are %v, %v", present, err)
	}
}
