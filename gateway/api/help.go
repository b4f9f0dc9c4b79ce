package api

// help is what each metric of ours says, by family. docs/operations.md has the
// same names with what to do about them; a test compares.
var help = map[string]string{
	"app_active_connections": "WebSocket connections that are open on this node.",
	"app_messages_total":     "Messages taken from clients and from the application.",
	"app_errors_total":       "Requests, messages and handshakes that were refused or failed, by reason.",

	"tidegate_draining":         "1 from when the node was asked to end.",
	"tidegate_drained_total":    "Clients that were told to go, and closed, because the node ends.",
	"tidegate_groups":           "Groups that are open on this node.",
	"tidegate_deliveries_total": "Messages queued on sockets: one for each member.",
	"tidegate_delivery_seconds": "Time from the stream's clock to the sockets' queues, once for what a worker sent to a group together: of its oldest message.",
	"tidegate_closes_total":     "Connections that ended, by reason.",
	"tidegate_panics_total":     "Panics that were contained, by where.",

	"tidegate_worker_connections":         "Connections of the worker.",
	"tidegate_worker_queue_depth":         "Events that wait for the worker's loop.",
	"tidegate_worker_queue_waits_total":   "Times that somebody had to wait for room in the worker's queue.",
	"tidegate_worker_queue_refused_total": "Events refused because the worker's queue was full.",
	"tidegate_worker_restarts_total":      "Times that the worker's loop ended and was started again.",
	"tidegate_received_bytes_total":       "Bytes read from sockets.",
	"tidegate_received_frames_total":      "Frames read from sockets, control frames included.",
	"tidegate_sent_bytes_total":           "Bytes written to sockets.",
	"tidegate_sent_frames_total":          "Frames written to sockets, control frames included.",
	"tidegate_handover_messages":          "Messages that the worker has before it, to send to its members.",
	"tidegate_handover_bytes":             "Bytes of these messages.",
	"tidegate_handover_missed_total":      "Messages that found the worker too far behind: its members read them from the stream.",
	"tidegate_handover_waits_total":       "Times that the broker's reader waited because every worker was too far behind.",
	"tidegate_fell_behind_total":          "Memberships whose client read too slowly, and that go on from the stream.",
	"tidegate_caught_up_total":            "Memberships that have got from the stream what they had missed.",
	"tidegate_handshakes":                 "Connections whose handshake is being made.",
	"tidegate_handshake_queue":            "Connections that wait for their handshake.",
	"tidegate_handshake_waits_total":      "Connections that had to wait for their handshake.",
	"tidegate_handshake_slow_total":       "Connections that were let go on without a place, because their client was slow.",
	"tidegate_writes_total":               "Writes to sockets: sent frames over writes is how well frames are batched.",
	"tidegate_offers_refused_total":       "Times that a connection had no room for messages of a group, because its client reads too slowly.",
	"tidegate_pool_busy":                  "Goroutines of the worker's pool that work.",
	"tidegate_pool_queue_depth":           "Tasks that wait for the worker's pool.",
	"tidegate_pool_refused_total":         "Tasks refused because the pool's queue was full.",

	"tidegate_broker_ready":                 "1 if messages can pass, 0 if not.",
	"tidegate_broker_streams":               "Streams that this node reads.",
	"tidegate_broker_queue_messages":        "Messages that wait for the broker.",
	"tidegate_broker_queue_bytes":           "Bytes of the messages that wait for the broker.",
	"tidegate_broker_published_total":       "Messages that are in their streams.",
	"tidegate_broker_publish_batches_total": "Pipelines of publishes: published over batches is how well they are batched.",
	"tidegate_broker_publish_errors_total":  "Messages that were not published, or perhaps not, by reason.",
	"tidegate_broker_fetched_total":         "Stream entries read.",
	"tidegate_broker_fetch_batches_total":   "Reads: fetched over batches is how well they are batched.",
	"tidegate_broker_fetch_errors_total":    "Reads that failed and were tried again.",
	"tidegate_broker_lag_seconds":           "Age of the last entry when it was read, by the stream's clock.",
	"tidegate_broker_doorbell_rings_total":  "Notifications that keys have changed.",
	"tidegate_broker_resyncs_total":         "Times that all groups were read and verified, by cause.",
	"tidegate_broker_sweep_found_total":     "Groups in which the sweep found what no notification had told of; must stay 0.",
	"tidegate_broker_gaps_total":            "Streams whose history was lost before it could be read.",
	"tidegate_broker_skipped_total":         "Stream entries that are not fit to be sent, by reason.",
}

// otherHelp is said of Go's and the process's own metrics.
const otherHelp = "A metric of the Go runtime or of the process."
