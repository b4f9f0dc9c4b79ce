package redisstream

import (
	"context"
	"errors"
	"testing"

	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestResentAndBroken: a command that was sent elsewhere, and may have been done there, is
// not taken for one that is to be sent elsewhere still.
func TestResentAndBroken(t *testing.T) {
	t.Parallel()
	c := brokertest.StartCluster(t)
	b := subscribed(t, c.URL(), limits(), newReader())
	owner := b.layout.Load().of(b.slotOf(lobby))
	var other *master
	for _, m := range b.layout.Load().masters {
		if m != owner && m != b.nowhere {
			other = m
		}
	}
	pipe := other.client.Pipeline()
	add := pipe.XAdd(t.Context(), xadd(b.key(lobby), "*", fieldData, "1", fieldType, "text"))
	commands, _ := pipe.Exec(t.Context())
	if addr, _ := elsewhere(add.Err()); addr == "" {
		t.Fatalf("the wrong master says %v", add.Err())
	}
	broken, cancel := context.WithCancel(t.Context())
	cancel()
	if !b.resend(broken, other, commands) {
		t.Fatal("nothing was sent elsewhere")
	}
	if !errors.Is(add.Err(), context.Canceled) || refused(add.Err()) {
		t.Errorf("what broke off says %v", add.Err())
	}
}
