package redisstream

import (
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// counts are the broker's metrics, each described in docs/operations.md.
type counts struct {
	published, batches                                    *metrics.Counter
	full, unavailable, unknown, closed                    *metrics.Counter
	fetched, fetchBatches, fetchErrors                    *metrics.Counter
	rings, sweepFound, gaps                               *metrics.Counter
	putBack, markers, epochs, heldDropped                 *metrics.Counter
	skippedNoData, skippedBadData                         *metrics.Counter
	resyncDoorbell, resyncFetch, resyncProbe, resyncFlush *metrics.Counter
	resyncEpoch                                           *metrics.Counter
	lagMilliseconds                                       atomic.Int64 // of the last message that was read
}

func (c *counts) init(set *metrics.Set, b *Broker) {
	for name, counter := range map[string]**metrics.Counter{
		`tidegate_broker_published_total`:                            &c.published,
		`tidegate_broker_publish_batches_total`:                      &c.batches,
		`tidegate_broker_publish_errors_total{reason="full"}`:        &c.full,
		`tidegate_broker_publish_errors_total{reason="unavailable"}`: &c.unavailable,
		`tidegate_broker_publish_errors_total{reason="unknown"}`:     &c.unknown,
		`tidegate_broker_publish_errors_total{reason="closed"}`:      &c.closed,
		`tidegate_broker_fetched_total`:                              &c.fetched,
		`tidegate_broker_fetch_batches_total`:                        &c.fetchBatches,
		`tidegate_broker_fetch_errors_total`:                         &c.fetchErrors,
		`tidegate_broker_doorbell_rings_total`:                       &c.rings,
		`tidegate_broker_sweep_found_total`:                          &c.sweepFound,
		`tidegate_broker_gaps_total`:                                 &c.gaps,
		`tidegate_broker_put_back_total`:                             &c.putBack,
		`tidegate_broker_markers_total`:                              &c.markers,
		`tidegate_broker_held_dropped_total`:                         &c.heldDropped,
		`tidegate_broker_epochs_total`:                               &c.epochs,
		`tidegate_broker_skipped_total{reason="no_data"}`:            &c.skippedNoData,
		`tidegate_broker_skipped_total{reason="bad_data"}`:           &c.skippedBadData,
		`tidegate_broker_resyncs_total{cause="doorbell"}`:            &c.resyncDoorbell,
		`tidegate_broker_resyncs_total{cause="fetch"}`:               &c.resyncFetch,
		`tidegate_broker_resyncs_total{cause="probe"}`:               &c.resyncProbe,
		`tidegate_broker_resyncs_total{cause="flush"}`:               &c.resyncFlush,
		`tidegate_broker_resyncs_total{cause="epoch"}`:               &c.resyncEpoch,
	} {
		*counter = set.NewCounter(name)
	}
	set.NewGauge("tidegate_broker_queue_messages", func() float64 { return float64(b.queuedMessages.Load()) })
	set.NewGauge("tidegate_broker_queue_bytes", func() float64 { return float64(b.queuedBytes.Load()) })
	set.NewGauge("tidegate_broker_streams", func() float64 { return float64(b.follows.len()) })
	set.NewGauge("tidegate_broker_held_messages", func() float64 { messages, _ := b.rings.size(); return float64(messages) })
	set.NewGauge("tidegate_broker_held_bytes", func() float64 { _, bytes := b.rings.size(); return float64(bytes) })
	set.NewGauge("tidegate_broker_lag_seconds", func() float64 { return float64(c.lagMilliseconds.Load()) / 1000 })
	set.NewGauge("tidegate_broker_ready", func() float64 {
		if b.Ready() != nil {
			return 0
		}
		return 1
	})
}
