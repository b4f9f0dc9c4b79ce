package reactor

import "github.com/VictoriaMetrics/metrics"

// Reason is why a connection ended. The word is the same in the log, in the
// label of tidegate_closes_total and in the operator's manual. Whoever calls
// Conn.Close may define more.
type Reason string

// The reasons for which the reactor itself closes a connection.
const (
	ClientClosed     Reason = "client_closed"      // the client sent a close frame, which was echoed
	ClientGone       Reason = "client_gone"        // the socket ended without a close frame
	ProtocolError    Reason = "protocol_error"     // 1002: RFC 6455 was broken
	BadUTF8          Reason = "bad_utf8"           // 1007: text that is not UTF-8
	BadDeflate       Reason = "bad_deflate"        // 1007: a compressed message that cannot be inflated
	TooBig           Reason = "too_big"            // 1009: over Config.MessageBytes
	TooManyFragments Reason = "too_many_fragments" // 1008: over Config.Fragments
	RateLimit        Reason = "rate_limit"         // 1008: on and on beyond Config.MessageRate or ByteRate
	SlowReader       Reason = "slow_reader"        // 1008: answers beyond Config.SendBuffer
	HeartbeatTimeout Reason = "heartbeat_timeout"  // 1008: silent for Config.HeartbeatTimeout
	HandlerPanic     Reason = "handler_panic"      // 1011: a fault in the program
	WorkerFailed     Reason = "worker_failed"      // 1012: the connection's loop ended and is started again
	Shutdown         Reason = "shutdown"           // the code that Reactor.Shutdown was given
)

// closeCounts counts ended connections. The reactor's own reasons exist from the
// start, so that a rate over them is right from the first close.
type closeCounts struct{ set *metrics.Set }

func (k *closeCounts) init(set *metrics.Set) {
	k.set = set
	for _, why := range []Reason{
		ClientClosed, ClientGone, ProtocolError, BadUTF8, BadDeflate, TooBig, TooManyFragments,
		RateLimit, SlowReader, HeartbeatTimeout, HandlerPanic, WorkerFailed, Shutdown,
	} {
		k.of(why)
	}
}

func (k *closeCounts) of(why Reason) *metrics.Counter {
	return k.set.GetOrCreateCounter(`tidegate_closes_total{reason="` + string(why) + `"}`)
}
