package door

import (
	"fmt"
	"io"
	"net"
	"time"
)

// refusals is how many connections may wait to be told no.
const refusals = 1024

// The answers to who is not let in. The Retry-After is for load balancers; clients
// have a pause of their own.
var (
	crowded = denial("too many connections come at once: limits.handshake_queue; try again\n")
	ending  = denial("this node is ending: connect again, to another one\n")
)

// denial is a whole response with a text.
func denial(text string) string {
	return fmt.Sprintf("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
}

// refuseLoop says no, one after the other: it is less urgent than to let others in.
func (d *Door) refuseLoop() {
	for {
		select {
		case c := <-d.refuse:
			deny(c, crowded)
		case <-d.stop:
			return
		}
	}
}

// deny answers and closes. What the client has said is read first, since closing a
// socket with unread bytes resets it, which may destroy the answer on its way.
func deny(c net.Conn, answer string) {
	_ = c.SetDeadline(time.Now().Add(20 * time.Millisecond))
	_, _ = c.Read(make([]byte, 4096))
	_, _ = io.WriteString(c, answer)
	_ = c.Close()
}
