package offender

import (
	"fmt"
	"time"

	"github.com/tidegate/tidegate/gateway/wire"
)

// silent connects and says nothing.
func silent(v *Visit) string {
	if got := v.connect(v.crew.target.Public); got != "" {
		return got
	}
	got, _ := v.answer()
	return got
}

// dripHeaders sends a handshake that has no end, a byte at a time.
func dripHeaders(v *Visit) string {
	if got := v.connect(v.crew.target.Public); got != "" {
		return got
	}
	b := request(v.crew.target.Public, hubPath, wire.Protocol, "X-Slow: ")
	sent := 0
	return v.beside(v.status, 500*time.Millisecond, func() error {
		next := b[min(sent, len(b)-1):][:1]
		sent++
		return v.write(next, 1)
	})
}

// status is the answer without its number.
func (v *Visit) status() string {
	got, _ := v.answer()
	return got
}

// endlessHeaders sends a handshake that has no end, as fast as it is taken.
func endlessHeaders(v *Visit) string {
	address := v.crew.target.Public
	if got := v.connect(address); got != "" {
		return got
	}
	if err := v.write(request(address, hubPath, wire.Protocol, ""), 1); err != nil {
		return v.ending(err)
	}
	return v.beside(v.status, 5*time.Millisecond, func() error { return v.write(manyHeaders, 1) })
}

var manyHeaders = repeat([]byte("X-Header: 0123456789012345678901234567890123456789\r\n"), 80)

// garbage says what is no HTTP.
func garbage(v *Visit) string {
	if got := v.connect(v.crew.target.Public); got != "" {
		return got
	}
	if err := v.write(rubbish[v.turn%len(rubbish)], 1); err != nil {
		return v.ending(err)
	}
	return v.status()
}

// rubbish is what scanners send to any port: a ClientHello, greetings of other
// protocols, and what is nearly HTTP.
var rubbish = [][]byte{
	[]byte("\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\x00\x01\x02\x03\x04\r\n\r\n"),
	[]byte("SSH-2.0-OpenSSH_9.6\r\n\r\n"),
	[]byte("EHLO scanner.example\r\n\r\n"),
	[]byte("\x00\x00\x00\x01\xff\xfe\xfd\r\n\r\n"),
	[]byte("GET /client/hubs/chat\r\nHost\r\n\r\n"),
	[]byte("GET /client/hubs/chat HTTP/9.9\r\nHost: localhost\r\n\r\n"),
}

// vanish leaves in the middle of the handshake, or right after it, with RST.
func vanish(v *Visit) string {
	address := v.crew.target.Public
	if got := v.connect(address); got != "" {
		return got
	}
	b := append(request(address, hubPath, wire.Protocol, ""), "\r\n"...)
	if v.turn%2 == 0 {
		_ = v.write(b, 1)
		return vanished
	}
	if got := v.shake(b); got != "" {
		return got
	}
	return vanished
}

// wrongToken shakes hands with a token that no key has signed.
func wrongToken(v *Visit) string {
	got := v.enter(hubPath, wire.Protocol, "Authorization: Bearer "+wrongTokens[v.turn%len(wrongTokens)]+"\r\n")
	if got == "" {
		return "http 101"
	}
	return got
}

// The tokens of guessers: signed with another key (HS256), unsigned, cut, and none.
var wrongTokens = []string{
	"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJodHRwOi8vbG9jYWxob3N0L2NsaWVudC9odWJzL2NoYXQiLCJleHAiOjQxMDI0NDQ4MDB9.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	"eyJhbGciOiJub25lIn0.eyJhdWQiOiJodHRwOi8vbG9jYWxob3N0L2NsaWVudC9odWJzL2NoYXQiLCJleHAiOjQxMDI0NDQ4MDB9.",
	"eyJhbGciOiJIUzI1NiJ9.eyJhdWQ",
	"letmein",
}

// keyless asks the data plane to send, without a key and with wrong ones, several times
// over one connection.
func keyless(v *Visit) (got string) {
	address := v.crew.target.Operator
	if got := v.connect(address); got != "" {
		return got
	}
	const requests = 20
	for i := range requests {
		if i > 0 {
			v.crew.tally.add(got)
		}
		more := ""
		if i%2 == 1 {
			more = "Authorization: Bearer " + wrongTokens[i/2%len(wrongTokens)] + "\r\n"
		}
		b := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n%s\r\nhello", sendPath, address, more)
		if err := v.write(b, 1); err != nil {
			return v.ending(err)
		}
		status := 0
		if got, status = v.answer(); status == 0 {
			return got
		}
	}
	return got
}
