package server

import (
	"fmt"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// rateTexts are what a client is told of the rate that it is beyond. Each fits into a
// close frame.
type rateTexts [reactor.ByteRate + 1]string

func newRateTexts(l Limits) (texts rateTexts) {
	const text = "not taken: limits.%s_per_second allows this connection %d; send it again later, more slowly"
	texts[reactor.MessageRate] = fmt.Sprintf(text, "messages", l.MessageRate)
	texts[reactor.ByteRate] = fmt.Sprintf(text, "bytes", l.ByteRate)
	return texts
}

// exceed does not take a message that is beyond a rate. A client that gets no acks could
// not know of it, and is closed at once; of the others the reactor closes who goes on.
// Called on the loop.
func (s *session) exceed(rate reactor.Rate, frame []byte, binary bool) {
	text := s.server.rateTexts[rate]
	if s.dialect != jsonDialect {
		s.server.counts.fault(faultRate)
		s.conn.Close(ws.StatusPolicyViolation, text, reactor.RateLimit)
		return
	}
	var q wire.Request
	if !s.decode(frame, binary, &q) {
		return
	}
	switch {
	case q.Kind == wire.SequenceAck && s.recovers():
		s.reliable.recovery.hear(frame)
	case q.Kind == wire.SequenceAck: // it only gives back what is held for the client
		s.sequenceAck(q.SequenceID)
	case q.HasAckID && s.acks.awaited(q.AckID): // said twice: the first one's ack is yet to come, and the only one
		s.server.counts.fault(faultRate)
	default:
		s.refuse(&q, refusal{faultRate, wire.TooManyRequests, text})
	}
}
