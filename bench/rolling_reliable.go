package main

import (
	"bytes"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/gobwas/ws"
)

// reliableSession is what a client of the reliable subprotocol keeps of its session: from
// one connection to the next, on whichever gateway. Owned by the member's goroutine. Its
// methods do nothing for a member that has none.
type reliableSession struct {
	id, token string
	shaking   bool   // the connection has not been greeted yet, and asked for recovery
	last      uint64 // the highest number of a message
	acked     time.Time
}

// rollingAcks is how often a client acks what it had, as the official ones do.
const rollingAcks = time.Second

// query is what it connects with: nothing the first time.
func (s *reliableSession) query() string {
	if s.shaking = s.id != ""; !s.shaking {
		return ""
	}
	return "?awps_connection_id=" + url.QueryEscape(s.id) + "&awps_reconnection_token=" + url.QueryEscape(s.token)
}

// greeted takes system/connected, and reports whether the session goes on.
func (s *reliableSession) greeted(f rollingFrame) (recovered bool) {
	recovered = f.ConnectionID == s.id
	s.id, s.token, s.shaking = f.ConnectionID, f.ReconnectionToken, false
	return recovered
}

// refused reports whether a connection ended because the session is not known any more.
func (s *reliableSession) refused(end farewell) bool {
	return s != nil && s.shaking && end.code == ws.StatusPolicyViolation
}

// sequenceMark stands before a message's number.
var sequenceMark = []byte(`"sequenceId":`)

// fresh reports whether a message is one that the client has not had, and acks now and
// then.
func (s *reliableSession) fresh(b []byte, line *rollingLine, now time.Time) bool {
	if s == nil {
		return true
	}
	at := bytes.Index(b, sequenceMark)
	if at < 0 {
		return true // its number is missing, which the books will not forgive either
	}
	digits := b[at+len(sequenceMark):]
	if end := bytes.IndexAny(digits, ",}"); end >= 0 {
		digits = digits[:end]
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil || n <= s.last {
		return false
	}
	s.last = n
	if now.Sub(s.acked) > rollingAcks {
		s.acked = now
		_ = line.say(fmt.Appendf(nil, `{"type":"sequenceAck","sequenceId":%d}`, n))
	}
	return true
}
