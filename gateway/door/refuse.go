package door

import (
	"fmt"
	"io"
	"net"
	"time"
)

// refusals is how many connections may wait to be told no.
const refusals = 1024

// What is said to who is not let in.
const (
	crowded = "too many connections come at once: limits.handshake_queue; try again\n"
	ending  = "this node is ending: connect again, to another one\n"
)

// The bounds of a Retry-After, in seconds. It is for load balancers; clients have a pause
// of their own.
const soonest, latest = 2, 60

// denial is a whole response with a text.
func denial(text string, after int) string {
	return fmt.Sprintf("HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\nConnection: close\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nContent-Length: %d\r\n\r\n%s", after, len(text), text)
}

// after is how many seconds it takes until those who wait are in, as far as that can be
// known: it can if there is a rate.
func (d *Door) after() int {
	if d.config.PerSecond == 0 {
		return soonest
	}
	return min(max(d.count(d.queue.len)/d.config.PerSecond, soonest), latest)
}

// refuseLoop says no, one after the other: it is less urgent than to let others in.
func (d *Door) refuseLoop() {
	for {
		select {
		case c := <-d.refuse:
			deny(c, denial(crowded, d.after()))
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
