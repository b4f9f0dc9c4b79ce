package wire

// Fault is why a frame is no request. Its text is what the server closes with
// (1007), so each is at most 123 bytes: the room for a reason in a close frame
// (RFC 6455 section 5.5). Compare with errors.Is.
type Fault string

// Error is the text for the client's developer.
func (f Fault) Error() string { return string(f) }

// What Decode may find wrong.
const (
	FaultJSON      Fault = "not a request: a frame is exactly one JSON object in UTF-8"
	FaultTwice     Fault = "not a request: a member of the object is there twice"
	FaultType      Fault = "not a request: type must be joinGroup, leaveGroup, sendToGroup, event, ping or sequenceAck"
	FaultAckID     Fault = "not a request: ackId must be a whole number from 0 to 2^64-1"
	FaultGroup     Fault = "not a request: group must be there and a string"
	FaultEvent     Fault = "not a request: event must be a name of 1 to 128 characters: a letter, then letters, digits, _ . or -"
	FaultNoEcho    Fault = "not a request: noEcho must be true or false"
	FaultSince     Fault = "not a request: since must be a string, the position of a message or of an ack"
	FaultHistory   Fault = "not a request: history must be a whole number of messages"
	FaultGaps      Fault = "not a request: gaps must be true or false"
	FaultPresence  Fault = "not a request: presence must be true or false"
	FaultDataType  Fault = "not a request: dataType must be json, text or binary"
	FaultNoData    Fault = "not a request: data is missing"
	FaultNullData  Fault = "not a request: data may be any JSON value but null"
	FaultTextData  Fault = "not a request: data must be a string, since dataType is text"
	FaultBase64    Fault = "not a request: data must be a string of base64 with padding, since dataType is binary"
	FaultMetadata  Fault = "not a request: metadata must be an object of strings, each key once"
	FaultMetaKey   Fault = "not a request: a metadata key must be 1 to 256 letters, digits or !#$%&'*+-.^_`|~"
	FaultMetaValue Fault = "not a request: a metadata value must be at most 1024 bytes of ASCII"
	FaultMetaTotal Fault = "not a request: metadata must be at most 8192 bytes together"
	FaultSequence  Fault = "not a request: sequenceId must be there and a whole number from 0 to 2^64-1"
)
