package api

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/tidegate/tidegate/broker"
)

// checkData says what is wrong with a payload for its type; empty if nothing.
// What is in a stream must be fit to be put into a client's frame as it is.
func checkData(t broker.DataType, data []byte) string {
	switch {
	case t == broker.JSON && !json.Valid(data):
		return "the body is not valid JSON; send text/plain for other text"
	case t == broker.JSON && string(bytes.TrimSpace(data)) == "null":
		return "the protocol has no message of null; wrap it in an object or an array"
	case t == broker.JSON && !utf8.Valid(data), t == broker.Text && !utf8.Valid(data):
		return "the body is not valid UTF-8; send application/octet-stream for other bytes"
	}
	return ""
}
