package server

import (
	"bytes"

	"github.com/tidegate/tidegate/broker"
)

// smallPayload is up to where a payload lies in one piece of memory with its message:
// together they are what the allocator rounds up to anyway, and one allocation less.
const smallPayload = 88

// smallMessage is a message with room for its payload.
type smallMessage struct {
	broker.Message
	room [smallPayload]byte
}

// newMessage returns a message with a copy of a payload.
func newMessage(payload []byte) *broker.Message {
	if len(payload) > smallPayload {
		return &broker.Message{Data: bytes.Clone(payload)}
	}
	m := new(smallMessage)
	m.Data = append(m.room[:0], payload...)
	return &m.Message
}
