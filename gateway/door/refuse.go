package door

import (
	"io"
	"net"
	"time"
)

// refusals is how many connections may wait to be told no.
const refusals = 1024

// denial is the answer to who is not let in. The Retry-After is for load balancers;
// clients have a pause of their own.
const denial = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 69\r\n\r\n" +
	"too many connections come at once: limits.handshake_queue; try again\n"

// refuseLoop says no, one after the other: it is less urgent than to let others in.
func (d *Door) refuseLoop() {
	for {
		select {
		case c := <-d.refuse:
			deny(c)
		case <-d.stop:
			return
		}
	}
}

// deny answers and closes. What the client has said is read first, since closing a
// socket with unread bytes resets it, which may destroy the answer on its way.
func deny(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(20 * time.Millisecond))
	_, _ = c.Read(make([]byte, 4096))
	_, _ = io.WriteString(c, denial)
	_ = c.Close()
}
