package server

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gobwas/ws"
	"github.com/tidegate/tidegate/gateway/wire"
	"github.com/tidegate/tidegate/reactor"
)

// A session ends with its token. Nothing is kept for it but the second in which the
// connection has it reminded, in what was padding; a session whose token has no end, or
// that has none, costs nothing.

// maxWarning is how long before its token's end a client may be told of it.
const maxWarning = time.Hour

// readWarning takes from the query whether the client wants to be told before its token
// ends, or answers what is wrong. Only clients that ask for it get that frame.
func (s *Server) readWarning(w http.ResponseWriter, query url.Values, c *session) bool {
	text := query.Get("expiry_warning")
	if text == "" {
		return true
	}
	lead, err := time.ParseDuration(text)
	if seconds, bad := strconv.Atoi(text); bad == nil {
		lead, err = time.Duration(seconds)*time.Second, nil
	}
	switch {
	case err != nil || lead < time.Second || lead > maxWarning:
		s.reject(w, http.StatusBadRequest, faultBadRequest, "expiry_warning must be a time from 1s to 1h, such as 30s or a number of seconds")
		return false
	case c.dialect != jsonDialect:
		s.reject(w, http.StatusBadRequest, faultBadRequest, "expiry_warning is for clients of the subprotocol "+wire.Protocol+": others could not tell the warning from a message")
		return false
	}
	c.warning = uint16(lead / time.Second)
	return true
}

// watchExpiry has the session reminded of the end of its token, or of the warning before
// it. A token that had ended already when it was let in, within the clocks' tolerance,
// ends the session when it would no longer be let in. Called once, on the loop.
func (s *session) watchExpiry() {
	if !s.server.Expire || s.identity.Expires == 0 {
		return
	}
	end, now := s.identity.Expires, time.Now().Unix()
	switch {
	case now >= end:
		end = s.identity.Lapses
		if s.warning > 0 {
			s.warnOfExpiry(end)
		}
		s.remind(end)
	default:
		s.remind(end - int64(s.warning))
	}
}

// remind is at the turn of the year 2106 the latest; what comes then is not kept.
func (s *session) remind(second int64) {
	if second <= math.MaxUint32 {
		s.conn.Remind(uint32(max(second, 1)))
	}
}

// Due warns of the end of the token, or ends the session with it. Called on the loop.
func (s *session) Due(c *reactor.Conn) {
	if end := s.identity.Expires; s.warning > 0 && time.Now().Unix() < end {
		s.warnOfExpiry(end)
		s.remind(end)
		return
	}
	const text = "the access token has expired: connect with a new one"
	if s.dialect == jsonDialect {
		s.text(func(dst []byte) []byte { return wire.AppendDisconnected(dst, text, 0) })
	}
	c.Close(ws.StatusPolicyViolation, text, closedTokenExpired)
}

// warnOfExpiry tells the client, once, how long its token still lasts.
func (s *session) warnOfExpiry(end int64) {
	s.warning = 0
	left := max(time.Until(time.Unix(end, 0)), 0)
	s.text(func(dst []byte) []byte { return wire.AppendTokenExpiring(dst, left) })
}
