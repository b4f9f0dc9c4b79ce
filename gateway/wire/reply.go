package wire

import "errors"

// ReplyKind is what a server frame is.
type ReplyKind uint8

// The server frames. Clients ignore those that they do not know.
const (
	Other ReplyKind = iota
	Connected
	Disconnected
	Acked
	Messaged
	Ponged
)

// Reply is one decoded server frame. Message.Data may point into the frame and is
// valid only as long as that is; the strings are copies.
type Reply struct {
	Kind         ReplyKind
	ConnectionID string  // with Connected
	User         string  // with Connected
	Reason       string  // with Disconnected
	Ack          Ack     // with Acked
	Message      Message // with Messaged
}

// errReply: a server's frame could not be read.
var errReply = errors.New("wire: not a frame of the server: is the address that of a gateway?")

// DecodeServer reads one server frame into r, which it resets first: the encoders
// backwards. For load generators and tests. Pure; any goroutine.
func DecodeServer(frame []byte, r *Reply) error {
	o := objects.Get().(*object)
	defer o.release()
	return o.reply(frame, r)
}

// reply is lenient where request is strict: a later gateway may say more, and a
// client that stumbles over it would be of no use.
func (o *object) reply(frame []byte, r *Reply) error {
	*r = Reply{}
	var m replyMembers
	for o.open(frame, lax); o.next(); {
		if p := m.place(o.name); p != nil {
			*p = o.value
		}
	}
	if o.err != nil || !isString(m.kind) {
		return errReply
	}
	switch string(unquote(m.kind)) {
	case "message":
		return m.message(r)
	case "ack":
		return o.ack(&m, r)
	case "system":
		m.system(r)
	case "pong":
		r.Kind = Ponged
	}
	return nil
}

// replyMembers are the values of a server frame as JSON.
type replyMembers struct {
	kind, event, userID, connectionID, reason []byte
	ackID, success, fault                     []byte
	from, group, dataType, data, fromUserID   []byte
	position, metadata                        []byte
}

// place is where the value of a member goes; nil for one that is not known.
func (m *replyMembers) place(name []byte) *[]byte {
	switch string(name) {
	case "type":
		return &m.kind
	case "event":
		return &m.event
	case "userId":
		return &m.userID
	case "connectionId":
		return &m.connectionID
	case "message":
		return &m.reason
	case "ackId":
		return &m.ackID
	case "success":
		return &m.success
	case "error":
		return &m.fault
	}
	return m.placeMessage(name)
}

func (m *replyMembers) placeMessage(name []byte) *[]byte {
	switch string(name) {
	case "from":
		return &m.from
	case "group":
		return &m.group
	case "dataType":
		return &m.dataType
	case "data":
		return &m.data
	case "fromUserId":
		return &m.fromUserID
	case "position":
		return &m.position
	case "metadata":
		return &m.metadata
	}
	return nil
}

// message reads the data by the rules of a request: they are the same both ways.
func (m *replyMembers) message(r *Reply) error {
	data := Request{Type: dataTypeOf(m.dataType)}
	if data.Type == "" || data.readData(m.data) != nil {
		return errReply
	}
	r.Kind = Messaged
	r.Message = Message{
		From: stringOf(m.from), Group: stringOf(m.group), Type: data.Type, Data: data.Data,
		FromUser: stringOf(m.fromUserID), Position: stringOf(m.position), Metadata: string(m.metadata),
	}
	return nil
}

// ack reads an answer. What failed must say why, or a failure would look like a
// success to whoever asks only for the error.
func (o *object) ack(m *replyMembers, r *Reply) error {
	id, ok := number(m.ackID)
	if !ok {
		return errReply
	}
	r.Kind, r.Ack = Acked, Ack{ID: id, Position: stringOf(m.position)}
	if string(m.success) == "true" {
		return nil
	}
	for o.open(m.fault, lax); o.next(); {
		switch string(o.name) {
		case "name":
			r.Ack.Error = Name(stringOf(o.value))
		case "message":
			r.Ack.Text = stringOf(o.value)
		}
	}
	if o.err != nil || r.Ack.Error == "" {
		return errReply
	}
	return nil
}

// system reads a connection's first or last frame; other events stay Other.
func (m *replyMembers) system(r *Reply) {
	switch stringOf(m.event) {
	case "connected":
		r.Kind, r.ConnectionID, r.User = Connected, stringOf(m.connectionID), stringOf(m.userID)
	case "disconnected":
		r.Kind, r.Reason = Disconnected, stringOf(m.reason)
	}
}

// stringOf copies a string; anything else is none.
func stringOf(value []byte) string {
	if !isString(value) {
		return ""
	}
	return string(unquote(value))
}
