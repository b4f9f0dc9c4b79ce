package server

import (
	"errors"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/auth"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// The reasons for which the server closes a connection, beside the reactor's
// own. Each is the word in the log, the label of tidegate_closes_total and the
// line in docs/operations.md.
const (
	closedInvalidRequest reactor.Reason = "invalid_request" // 1007: not a request of the protocol
	closedBinaryFrame    reactor.Reason = "binary_frame"    // 1003: binary where text is due
	closedNoHandler      reactor.Reason = "no_handler"      // 1011: an event of a simple client that nobody handles
	closedNotTaken       reactor.Reason = "not_taken"       // 1013: a simple client's message that the broker did not take
	closedTokenExpired   reactor.Reason = "token_expired"   // 1008: the client's token has ended
	closedByApplication  reactor.Reason = "by_application"  // 1008: the application has closed it
	closedRevoked        reactor.Reason = "revoked"         // 1008: the application has revoked its user's tokens
	closedJoinFailed     reactor.Reason = "join_failed"     // 1013: a simple client whose group could not be opened
	closedSuperseded     reactor.Reason = "superseded"      // 1008: the session goes on on another connection
	closedNotRecovered   reactor.Reason = "not_recovered"   // 1008, 1013: a session that cannot go on
	closedGap            reactor.Reason = "gap"             // 1013: a simple client, of whose group messages were lost
)

// fault is why something that was asked for was not done: the label of
// app_errors_total.
type fault string

const (
	faultForbidden    fault = "forbidden"
	faultBadRequest   fault = "bad_request"
	faultGroupLimit   fault = "group_limit"
	faultNodeGroups   fault = "node_group_limit"
	faultRate         fault = "rate_limit"
	faultNoHandler    fault = "no_handler"
	faultQueueFull    fault = "broker_queue_full"
	faultUnavailable  fault = "broker_unavailable"
	faultUnknown      fault = "broker_outcome_unknown"
	faultGap          fault = "broker_gap"
	faultHeld         fault = "opening_queue_full"
	faultNotWebSocket fault = "not_websocket"
	faultUnknownHub   fault = "unknown_hub"
	faultOrigin       fault = "origin"
	faultHost         fault = "host"
	faultUnauthorized fault = "unauthorized"
	faultNoKeys       fault = "keys_awaited"
	faultConnections  fault = "connection_limit"
	faultAddress      fault = "address_limit"
	faultUser         fault = "user_limit"
	faultHandshakes   fault = "handshake_limit"
	faultHandshake    fault = "handshake"
	faultDraining     fault = "draining"
)

var faults = []fault{
	faultForbidden, faultBadRequest, faultGroupLimit, faultNodeGroups, faultRate, faultNoHandler, faultQueueFull, faultUnavailable,
	faultUnknown, faultGap, faultHeld, faultNotWebSocket, faultUnknownHub, faultOrigin, faultUnauthorized,
	faultConnections, faultAddress, faultUser, faultHandshakes, faultHandshake, faultDraining, faultNoKeys, faultHost,
}

// counters are the server's counts; every fault exists from the start, so that a
// rate over it is right from the first one.
type counters struct {
	messages *metrics.Counter
	drained  *metrics.Counter
	errors   map[fault]*metrics.Counter
	refused  map[auth.Reason]*metrics.Counter

	detached, sessionsLost *metrics.Counter
	recoveries             map[outcome]*metrics.Counter
}

func (c *counters) init(set *metrics.Set) {
	c.messages = set.NewCounter("app_messages_total")
	c.drained = set.NewCounter("tidegate_drained_total")
	c.refused = newRefusedCounts(set)
	c.detached = set.NewCounter("tidegate_sessions_detached_total")
	c.sessionsLost = set.NewCounter("tidegate_sessions_lost_total")
	c.recoveries = make(map[outcome]*metrics.Counter, len(recoveryOutcomes))
	for _, o := range recoveryOutcomes {
		c.recoveries[o] = set.NewCounter(`tidegate_session_recoveries_total{outcome="` + string(o) + `"}`)
	}
	c.errors = make(map[fault]*metrics.Counter, len(faults))
	for _, f := range faults {
		c.errors[f] = set.NewCounter(`app_errors_total{reason="` + string(f) + `"}`)
	}
}

func (c *counters) fault(f fault) { c.errors[f].Inc() }

// brokerFault is the fault that a broker's error stands for, and the text that
// tells a client what became of its message.
func brokerFault(err error) (fault, string) {
	switch {
	case errors.Is(err, errNodeGroups):
		return faultNodeGroups, errNodeGroups.Error()
	case errors.Is(err, broker.ErrFull):
		return faultQueueFull, "the message was not taken: too many wait for the broker; send it again later"
	case errors.Is(err, broker.ErrUnknown):
		return faultUnknown, "the broker's answer was lost: the message may have been published or not"
	default:
		return faultUnavailable, "the message was not taken: the broker cannot be reached; send it again later"
	}
}

// refusal is an answer to a request that was not done.
type refusal struct {
	fault fault
	name  wire.Name
	text  string
}
