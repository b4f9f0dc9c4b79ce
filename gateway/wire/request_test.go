package wire

import "strconv"

// appendRequest appends a client's frame: Decode backwards. Only tests speak as a
// client. Data of type JSON and Metadata must be valid JSON. An empty Type means JSON.
func appendRequest(dst []byte, r *Request) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, r.Kind.String()...)
	dst = append(dst, '"')
	if r.HasAckID {
		dst = strconv.AppendUint(append(dst, `,"ackId":`...), r.AckID, 10)
	}
	switch r.Kind {
	case JoinGroup, LeaveGroup:
		dst = appendString(append(dst, `,"group":`...), r.Group)
		dst = appendPast(dst, r)
	case SendToGroup:
		dst = appendString(append(dst, `,"group":`...), r.Group)
		if r.NoEcho {
			dst = append(dst, `,"noEcho":true`...)
		}
		dst = appendPayload(dst, r)
	case Event:
		dst = appendString(append(dst, `,"event":`...), r.Event)
		dst = appendPayload(dst, r)
	case SequenceAck:
		dst = strconv.AppendUint(append(dst, `,"sequenceId":`...), r.SequenceID, 10)
	}
	return append(dst, '}')
}

// appendPast appends what a member asks for beside the group.
func appendPast(dst []byte, r *Request) []byte {
	if r.Since != nil {
		dst = appendString(append(dst, `,"since":`...), r.Since)
	}
	if r.HasHistory {
		dst = strconv.AppendUint(append(dst, `,"history":`...), r.History, 10)
	}
	if r.Gaps {
		dst = append(dst, `,"gaps":true`...)
	}
	if r.Presence {
		dst = append(dst, `,"presence":true`...)
	}
	return dst
}

// appendPayload appends what sendToGroup and event have in common.
func appendPayload(dst []byte, r *Request) []byte {
	dst = appendData(dst, r.Type, r.Data)
	if r.Metadata != nil {
		dst = append(append(dst, `,"metadata":`...), r.Metadata...)
	}
	return dst
}
