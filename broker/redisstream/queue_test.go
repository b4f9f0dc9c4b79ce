package redisstream

import (
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
)

// TestQueueBounds: publishers at the same time do not each take the same room.
func TestQueueBounds(t *testing.T) {
	f := func(messages, bytes int) {
		t.Helper()
		b := &Broker{}
		b.counts.init(metrics.NewSet(), b)
		b.config.Limits.QueueMessages, b.config.Limits.QueueBytes = messages, bytes
		b.writers = []*writer{newWriter(b)} // which writes nothing
		var publishing sync.WaitGroup
		b.queueing.Lock()
		for range 20 {
			publishing.Go(func() {
				m := &broker.Message{Group: lobby, Data: make([]byte, 10)}
				_, _ = b.Publish([]broker.Publication{{Message: m}, {Message: m}, {Message: m}})
			})
		}
		time.Sleep(20 * time.Millisecond) // so that most of them wait for each other
		b.queueing.Unlock()
		publishing.Wait()
		if n := b.queuedMessages.Load(); n != 10 || b.queuedBytes.Load() != 100 || len(b.writers[0].queue) != 10 {
			t.Errorf("%d messages of %d bytes wait, want 10 of 100", n, b.queuedBytes.Load())
		}
	}
	f(10, 1<<20)
	f(1000, 109)
}
