// Package wire is the client protocol: json.webpubsub.azure.v1, bytes to
// requests and back. Pure: no socket, no clock, no goroutine, and nothing of ours
// imported.
//
// Client to server, one JSON object per text frame:
//
//	{"type":"joinGroup","group":"g","ackId":1,"since":"…","history":10,"gaps":true,"presence":true}
//	{"type":"leaveGroup","group":"g","ackId":2}
//	{"type":"sendToGroup","group":"g","ackId":3,"noEcho":true,"dataType":"json","data":…,"metadata":{…}}
//	{"type":"event","event":"name","ackId":4,"dataType":"json","data":…}
//	{"type":"ping"}
//	{"type":"sequenceAck","sequenceId":17}
//
// Server to client:
//
//	{"type":"system","event":"connected","userId":"u","connectionId":"c","reconnectionToken":"t"}
//	{"type":"system","event":"disconnected","message":"why","reconnectAfterMs":2500}
//	{"type":"system","event":"token-expiring","expiresInMs":30000}
//	{"type":"system","event":"gap","group":"g","position":"…"}
//	{"type":"ack","ackId":1,"success":true,"position":"…","recovered":true}
//	{"type":"ack","ackId":1,"success":false,"error":{"name":"Forbidden","message":"…"}}
//	{"type":"message","from":"group","group":"g","dataType":"json","data":…,"fromUserId":"u","position":"…","gap":true}
//	{"type":"presence","group":"g","event":"snapshot","members":[{"connectionId":"c","userId":"u"}],"more":true}
//	{"type":"presence","group":"g","event":"join","members":[…]}
//	{"type":"presence","group":"g","event":"leave","members":[…]}
//	{"type":"pong"}
//
// Messages to reliable clients begin with their number: {"sequenceId":17,"type":"message",…}
package wire

// The subprotocols that clients may offer in Sec-WebSocket-Protocol.
const (
	Protocol         = "json.webpubsub.azure.v1"
	ReliableProtocol = "json.reliable.webpubsub.azure.v1"
)

// Kind is what a request asks for.
type Kind uint8

// The client frames, by their "type".
const (
	Unknown Kind = iota
	JoinGroup
	LeaveGroup
	SendToGroup
	Event
	Ping
	SequenceAck
)

// DataType says how the data member is to be read.
type DataType string

// The data types that a client may send.
const (
	JSON   DataType = "json"   // data is any JSON value but null
	Text   DataType = "text"   // data is a string
	Binary DataType = "binary" // data is a string of base64
)

// Request is one decoded client frame. Its byte slices may point into the frame
// that was decoded, so they are valid only as long as that is; whoever keeps one
// copies it.
type Request struct {
	Kind       Kind
	AckID      uint64
	HasAckID   bool
	Group      string // no part of the frame, so it may be kept
	Event      string // likewise
	NoEcho     bool
	Presence   bool // the client wants to be told who is in the group
	Type       DataType
	Data       []byte // JSON text, or the string's UTF-8 bytes, or the decoded bytes
	Metadata   []byte // the metadata member as JSON, or nil
	Since      []byte // the position to go on from, as it was written; nil if there is none
	History    uint64
	HasHistory bool
	Gaps       bool // the client wants to be told of gaps
	SequenceID uint64
}

// Name is the error name of a failed ack, as client libraries know them.
type Name string

// The names that acks carry.
const (
	Forbidden           Name = "Forbidden"
	Duplicate           Name = "Duplicate"
	BadRequest          Name = "BadRequest"
	NotFound            Name = "NotFound"
	TooManyRequests     Name = "TooManyRequests"
	InternalServerError Name = "InternalServerError"
)
