package wire

import (
	"strconv"
	"time"
)

// AppendTokenExpiring appends the warning that the client's access token ends soon. It
// is for clients that have asked for it.
func AppendTokenExpiring(dst []byte, left time.Duration) []byte {
	dst = append(dst, `{"type":"system","event":"token-expiring","expiresInMs":`...)
	dst = strconv.AppendInt(dst, left.Milliseconds(), 10)
	return append(dst, '}')
}
