package wire

import (
	"encoding/base64"
	"iter"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Message is a message on its way to a client. Empty members are left out.
type Message struct {
	From     string // "group" or "server"
	Group    string
	Type     DataType // empty means JSON
	Data     []byte   // JSON text, UTF-8 text or bytes; JSON must be valid: it is passed on as it is
	FromUser string
	Position []byte // digits and a hyphen: passed on as it is
	Metadata string // a JSON object; must be valid: it is passed on as it is
	Gap      bool   // something before it was lost
}

// AppendMessage appends a message as clients read it. Like all encoders here it is
// pure, may be called from any goroutine, keeps nothing, and allocates nothing if
// dst has room.
func AppendMessage(dst []byte, m Message) []byte {
	dst = append(dst, `{"type":"message","from":"`...)
	dst = append(dst, m.From...)
	dst = append(dst, '"')
	dst = appendMember(dst, `,"group":`, m.Group)
	dst = appendData(dst, m.Type, m.Data)
	dst = appendMember(dst, `,"fromUserId":`, m.FromUser)
	if len(m.Position) > 0 {
		dst = append(dst, `,"position":"`...)
		dst = append(dst, m.Position...)
		dst = append(dst, '"')
	}
	if m.Metadata != "" {
		dst = append(dst, `,"metadata":`...)
		dst = append(dst, m.Metadata...)
	}
	if m.Gap {
		dst = append(dst, `,"gap":true`...)
	}
	return append(dst, '}')
}

// Ack is the answer to a request with an ackId.
type Ack struct {
	ID        uint64
	Position  string // where the message was written, or the member follows from; may be empty
	Recovered Recovery
	Error     Name   // empty: it was done
	Text      string // with an error: what went wrong and what to do
}

// Recovery says in the ack of a joinGroup whether its since could be honoured: whether
// the member gets everything that was said after it.
type Recovery uint8

// What a Recovery may be.
const (
	NotAsked Recovery = iota // there was no since
	Recovered
	NotRecovered
)

// AppendAck appends the answer to a request.
func AppendAck(dst []byte, a Ack) []byte {
	dst = append(dst, `{"type":"ack","ackId":`...)
	dst = strconv.AppendUint(dst, a.ID, 10)
	if a.Error != "" {
		dst = append(dst, `,"success":false,"error":{"name":`...)
		dst = appendString(dst, a.Error)
		dst = append(dst, `,"message":`...)
		dst = appendString(dst, a.Text)
		return append(dst, `}}`...)
	}
	dst = append(dst, `,"success":true`...)
	dst = appendMember(dst, `,"position":`, a.Position)
	switch a.Recovered {
	case Recovered:
		dst = append(dst, `,"recovered":true`...)
	case NotRecovered:
		dst = append(dst, `,"recovered":false`...)
	}
	return append(dst, '}')
}

// AppendGap appends the notice that messages of a group were lost, and that it goes on
// after a position.
func AppendGap(dst []byte, group, position string) []byte {
	dst = append(dst, `{"type":"system","event":"gap","group":`...)
	dst = appendString(dst, group)
	dst = appendMember(dst, `,"position":`, position)
	return append(dst, '}')
}

// AppendNumbered appends a message for a reliable client: its number, and what comes
// behind the opening brace of what AppendMessage has made.
func AppendNumbered(dst []byte, sequenceID uint64, rest []byte) []byte {
	dst = append(dst, `{"sequenceId":`...)
	dst = strconv.AppendUint(dst, sequenceID, 10)
	return append(append(dst, ','), rest...)
}

// AppendConnected appends the first frame of a connection. Nobody's userId is left
// out, and so is the token of a client that cannot recover.
func AppendConnected(dst []byte, connectionID, user, reconnectionToken string) []byte {
	dst = append(dst, `{"type":"system","event":"connected"`...)
	dst = appendMember(dst, `,"userId":`, user)
	dst = append(dst, `,"connectionId":`...)
	dst = appendString(dst, connectionID)
	dst = appendMember(dst, `,"reconnectionToken":`, reconnectionToken)
	return append(dst, '}')
}

// AppendDisconnected appends the last frame of a connection that the gateway ends.
// after is how long the client should wait before it connects again, to the
// millisecond; below one it is left out, and the client need not wait.
func AppendDisconnected(dst []byte, reason string, after time.Duration) []byte {
	dst = append(dst, `{"type":"system","event":"disconnected","message":`...)
	dst = appendString(dst, reason)
	if ms := after.Milliseconds(); ms > 0 {
		dst = append(dst, `,"reconnectAfterMs":`...)
		dst = strconv.AppendInt(dst, ms, 10)
	}
	return append(dst, '}')
}

// Presence is a frame that says who is in a group. A member without a user has no userId.
type Presence struct {
	Group   string
	Event   PresenceEvent
	Members iter.Seq2[string, string] // connection and user
	More    bool                      // the snapshot goes on in the next frame
}

// PresenceEvent is what a presence frame tells.
type PresenceEvent string

// The events of presence frames.
const (
	Snapshot PresenceEvent = "snapshot" // who is there, in place of all that was told before
	Joined   PresenceEvent = "join"
	Left     PresenceEvent = "leave"
)

// AppendPresence appends who is in a group, or who has come or gone.
func AppendPresence(dst []byte, p Presence) []byte {
	dst = append(dst, `{"type":"presence"`...)
	dst = appendMember(dst, `,"group":`, p.Group)
	dst = append(dst, `,"event":"`...)
	dst = append(dst, p.Event...)
	dst = append(dst, `","members":[`...)
	first := true
	for connection, user := range p.Members {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, `{"connectionId":`...)
		dst = appendString(dst, connection)
		dst = appendMember(dst, `,"userId":`, user)
		dst = append(dst, '}')
	}
	dst = append(dst, ']')
	if p.More {
		dst = append(dst, `,"more":true`...)
	}
	return append(dst, '}')
}

// Pong answers a ping. It is shared: not to be written to.
var Pong = []byte(`{"type":"pong"}`)

// appendData appends the members dataType and data. JSON is not checked again: it
// was when it came in, and a check per delivery would cost more than the rest.
func appendData(dst []byte, t DataType, data []byte) []byte {
	switch t {
	case Text:
		return appendString(append(dst, `,"dataType":"text","data":`...), data)
	case Binary:
		dst = append(dst, `,"dataType":"binary","data":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, data)
		return append(dst, '"')
	}
	return append(append(dst, `,"dataType":"json","data":`...), data...)
}

// appendMember appends a member unless it is empty; name comes with its comma,
// quotes and colon.
func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendString(append(dst, name...), value)
}

// appendString appends a JSON string. Bytes that are no UTF-8 become U+FFFD: the
// error that says so is not ours to report, since a frame must be sent anyway.
func appendString[S ~string | ~[]byte](dst []byte, s S) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}
