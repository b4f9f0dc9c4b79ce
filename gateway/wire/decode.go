package wire

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Decoder reads client frames. It belongs to one goroutine, as a reactor's worker has
// one for all of its connections; the zero value is ready. What it remembers from frame
// to frame is its own scratch, and names: a client says the same ones again and again.
type Decoder struct {
	object object
	names  names
}

// Decode reads one client frame into r, which it resets first. It never waits. What it
// cannot point to in the frame it allocates: a name of a group or event that it has not
// seen for long, text with escapes, and binary data.
//
// It is strict where a lenient reading could be understood in two ways: one object
// and nothing behind it, no member of ours twice, no lone surrogates. Members that
// it does not know are ignored, and a member that is null is as good as missing,
// except data. An error is a Fault, fit to be the reason of a close with 1007; r is
// then not to be used.
//
// The group's name is not checked, because that is answered with an ack and not
// with a close: see CheckGroup.
func (d *Decoder) Decode(frame []byte, r *Request) error {
	err := d.object.request(frame, r, &d.names)
	d.object.release()
	return err
}

// members are the values of a client frame as JSON; nil is one that is not there.
type members struct {
	kind, group, event, ackID, noEcho, dataType, data, metadata, sequenceID []byte
	since, history, gaps, presence                                          []byte
}

// place is where the value of a member goes; nil for a member that is not ours.
func (m *members) place(name []byte) *[]byte {
	switch string(name) {
	case "type":
		return &m.kind
	case "group":
		return &m.group
	case "event":
		return &m.event
	case "ackId":
		return &m.ackID
	case "noEcho":
		return &m.noEcho
	case "presence":
		return &m.presence
	case "dataType":
		return &m.dataType
	case "data":
		return &m.data
	case "metadata":
		return &m.metadata
	case "sequenceId":
		return &m.sequenceID
	case "since":
		return &m.since
	case "history":
		return &m.history
	case "gaps":
		return &m.gaps
	}
	return nil
}

// collect finds the members first: type may stand behind what it gives a meaning to.
func (o *object) collect(frame []byte, m *members) error {
	for o.open(frame, lax); o.next(); {
		p := m.place(o.name)
		switch {
		case p == nil:
		case *p != nil:
			return FaultTwice
		default:
			*p = o.value
		}
	}
	return jsonFault(o.err)
}

// jsonFault says where the frame stops to be JSON.
func jsonFault(err error) error {
	if err == nil {
		return nil
	}
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("%w; this is none from byte %d on", FaultJSON, s.ByteOffset)
	}
	return FaultJSON
}

// request is Decode on a parser and names of the caller's.
func (o *object) request(frame []byte, r *Request, n *names) error {
	*r = Request{}
	var m members
	if err := o.collect(frame, &m); err != nil {
		return err
	}
	if r.Kind = kindOf(m.kind); r.Kind == Unknown {
		return FaultType
	}
	if !absent(m.ackID) {
		if r.AckID, r.HasAckID = number(m.ackID); !r.HasAckID {
			return FaultAckID
		}
	}
	switch r.Kind {
	case JoinGroup:
		return firstOf(r.readGroup(&m, n), r.readPast(&m), r.readPresence(&m))
	case LeaveGroup:
		return r.readGroup(&m, n)
	case SendToGroup:
		return firstOf(r.readGroup(&m, n), r.readNoEcho(&m), o.payload(r, &m))
	case Event:
		return firstOf(r.readEvent(&m, n), o.payload(r, &m))
	case SequenceAck:
		return r.readSequence(&m)
	}
	return nil
}

// firstOf is the first error; errors.Join would say more than a close has room for.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// readGroup copies the name: groups outlive the frames that name them.
func (r *Request) readGroup(m *members, n *names) error {
	if !isString(m.group) {
		return FaultGroup
	}
	r.Group = n.of(unquote(m.group))
	return nil
}

// readEvent checks the name here and not, as with groups, where it is used: the
// rule is the protocol's and has no setting.
func (r *Request) readEvent(m *members, n *names) error {
	if !isString(m.event) {
		return FaultEvent
	}
	name := unquote(m.event)
	if !validEvent(name) {
		return FaultEvent
	}
	r.Event = n.of(name)
	return nil
}

// readPast reads what of the past a member asks for. Whether the position is one, and
// how much history there may be, is an ack's business.
func (r *Request) readPast(m *members) (err error) {
	if !absent(m.since) {
		if !isString(m.since) {
			return FaultSince
		}
		r.Since = unquote(m.since)
	}
	if !absent(m.history) {
		if r.History, r.HasHistory = number(m.history); !r.HasHistory {
			return FaultHistory
		}
	}
	r.Gaps, err = flag(m.gaps, FaultGaps)
	return err
}

func (r *Request) readNoEcho(m *members) (err error) {
	r.NoEcho, err = flag(m.noEcho, FaultNoEcho)
	return err
}

func (r *Request) readPresence(m *members) (err error) {
	r.Presence, err = flag(m.presence, FaultPresence)
	return err
}

// flag reads true or false, which is also what is not there.
func flag(value []byte, otherwise Fault) (bool, error) {
	switch {
	case absent(value), string(value) == "false":
		return false, nil
	case string(value) == "true":
		return true, nil
	}
	return false, otherwise
}

// readSequence reads the one number that is required: without it the frame would
// acknowledge nothing.
func (r *Request) readSequence(m *members) error {
	var ok bool
	if r.SequenceID, ok = number(m.sequenceID); !ok {
		return FaultSequence
	}
	return nil
}

// payload reads what a message carries: metadata, type and data.
func (o *object) payload(r *Request, m *members) error {
	if !absent(m.metadata) {
		if err := o.checkMetadata(m.metadata); err != nil {
			return err
		}
		r.Metadata = m.metadata
	}
	if m.data == nil && r.Metadata != nil {
		// Metadata alone is a message, too: one with an empty text.
		r.Type, r.Data = Text, []byte{}
		return nil
	}
	if r.Type = dataTypeOf(m.dataType); r.Type == "" {
		return FaultDataType
	}
	return r.readData(m.data)
}

// readData reads data by its type. Text and binary are unwrapped here, so that a
// message is stored once as what it is and encoded for each kind of client.
func (r *Request) readData(data []byte) (err error) {
	switch {
	case data == nil:
		return FaultNoData
	case string(data) == "null":
		return FaultNullData
	case r.Type == JSON:
		r.Data = data
	case r.Type == Text && isString(data):
		r.Data = unquote(data)
	case r.Type == Text:
		return FaultTextData
	case !isString(data):
		return FaultBase64
	default:
		text := unquote(data)
		r.Data, err = base64.StdEncoding.AppendDecode(make([]byte, 0, base64.StdEncoding.DecodedLen(len(text))), text)
		if err != nil {
			return FaultBase64
		}
	}
	return nil
}

// number reads a JSON number that is a uint64. 1.0 and 1e3 are none: an id is to
// be answered as it was written.
func number(value []byte) (n uint64, ok bool) {
	n, err := strconv.ParseUint(string(value), 10, 64)
	return n, err == nil
}
