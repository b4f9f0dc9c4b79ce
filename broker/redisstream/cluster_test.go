package redisstream

import (
	"fmt"
	"testing"
	"time"

	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/broker/brokertest"
)

// TestClusterValues: what is kept beside the streams is found again soon after a master
// was killed and its replica took its place.
func TestClusterValues(t *testing.T) {
	t.Parallel()
	c := brokertest.StartCluster(t)
	// The client library's pool of the dead master looks once a second whether it is
	// closed; the broker is closed before this runs.
	t.Cleanup(func() { time.Sleep(1500 * time.Millisecond) })
	b := subscribed(t, c.URL(), limits(), newReader())
	const keys = 20 // on all masters
	usable := func() bool {
		for i := range keys {
			key := fmt.Sprint("key", i)
			if b.Put(t.Context(), []broker.Value{{Key: key, Data: []byte("x"), Lives: time.Minute}}) != nil {
				return false
			}
			if data, err := b.Get(t.Context(), key); err != nil || string(data) != "x" {
				return false
			}
			if _, err := b.Lease(t.Context(), key, time.Minute); err != nil {
				return false
			}
		}
		living, err := b.Living(t.Context())
		return err == nil && len(living) == keys
	}
	eventually(t, "the Cluster can be used", usable)
	c.Masters[0].Kill()
	eventually(t, "one master's keys cannot", func() bool { return !usable() })
	eventually(t, "they can again", usable)
}

// TestStrangerRestarted: a master without a slot, to which one is on its way, is restarted. It
// is spoken to again as soon as it is back.
func TestStrangerRestarted(t *testing.T) {
	t.Parallel()
	c := brokertest.StartCluster(t)
	b := open(t, c.URL(), limits(), newReader().receiver())
	t.Cleanup(func() { _ = b.Close() })
	eventually(t, "ready", func() bool { return b.Ready() == nil })
	stranger := c.Join()
	answers := func() bool {
		m, err := b.named(stranger.Addr())
		return err == nil && m.client.Ping(t.Context()).Err() == nil
	}
	eventually(t, "it answers", answers)
	stranger.Kill()
	stranger.Restart()
	eventually(t, "it answers again", answers)
}
