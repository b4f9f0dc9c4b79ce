package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/gobwas/ws"

	"github.com/tidegate/tidegate/gateway/wire"
)

const (
	// retransmitted is the least that a kernel waits before it sends a SYN again: who
	// was connecting for so long had its first one dropped.
	retransmitted = 900 * time.Millisecond
	// lookout is how often a wave looks for guests whose time to come again has come.
	lookout = 10 * time.Millisecond
)

// Rush is what came of one wave.
type Rush struct {
	Connect             // of those who got in; Closed are those who were closed later
	Knocked   float64   `json:"syn_secs"`   // until the last SYN was out: the harness' and its kernel's own time
	Refused   int       `json:"refused"`    // handshakes that were answered with 503 or 429, each tried again
	Broken    int       `json:"broken"`     // that broke without an answer, each tried again
	Dropped   int       `json:"syn_again"`  // whose first SYN was lost in a full backlog
	GaveUp    int       `json:"gave_up"`    // who were not in when patience ended
	Entry     Quantiles `json:"entry"`      // from the wave's start to a guest's being in its group
	LeaveTook float64   `json:"leave_secs"` // from the first close to the gateway's having nobody of them
	Why       string    `json:"why,omitempty"`
}

// Wave is many connections that come at once: all their SYNs leave before the first
// answer is read. Each shakes hands and joins a group of its own. Owned by one
// goroutine.
type Wave struct {
	// Static.
	number  int // of the wave
	to      netip.AddrPort
	request []byte
	plan    Plan
	first   int // the number of its first group

	poll    *poller
	guests  []guest
	buf     []byte
	start   time.Time
	waiting int // guests who are not in
	looked  time.Duration
	entry   *hdrhistogram.Histogram
	rush    Rush
}

// newWave prepares the n-th wave of a run, of so many guests; the caller closes it.
func newWave(p Plan, n, size int) (*Wave, error) {
	u, err := url.Parse(p.URL)
	if err != nil {
		return nil, err
	}
	to, err := net.ResolveTCPAddr("tcp", u.Host)
	if err != nil {
		return nil, err
	}
	w := &Wave{
		to: netip.AddrPortFrom(to.AddrPort().Addr().Unmap(), uint16(to.Port)), request: handshake(u, p.Token),
		number: n, plan: p, first: p.Groups + n*size, guests: make([]guest, size), waiting: size,
		buf: make([]byte, joinFrameLimit), entry: newHistogram(),
	}
	for i := range w.guests {
		w.guests[i].fd = -1
	}
	w.poll, err = newPoller()
	return w, err
}

// handshake is the request of every guest (RFC 6455, section 4.1). One key for all:
// it proves that the server speaks WebSocket, and nobody here doubts that.
func handshake(u *url.URL, token string) []byte {
	key := base64.StdEncoding.EncodeToString([]byte("tidegate bench..")) // 16 bytes
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\n", u.RequestURI(), u.Host, key, wire.Protocol)
	if token != "" {
		b = fmt.Appendf(b, "Authorization: Bearer %s\r\n", token)
	}
	return append(b, "\r\n"...)
}

// come lets all guests in, or as many as come in until patience or ctx ends.
func (w *Wave) come(ctx context.Context, patience time.Duration) error {
	w.start = time.Now()
	for i := range w.guests {
		if err := w.connect(i); err != nil {
			return err
		}
	}
	w.rush.Knocked = time.Since(w.start).Seconds()
	for w.waiting > 0 && ctx.Err() == nil && time.Since(w.start) < patience {
		ready, err := w.poll.wait(lookout)
		if err != nil {
			return fmt.Errorf("waiting for sockets: %w", err)
		}
		for _, r := range ready {
			if err := w.serve(r.index); err != nil {
				return err
			}
		}
		if err := w.again(); err != nil {
			return err
		}
	}
	took := time.Since(w.start).Seconds()
	in := len(w.guests) - w.waiting
	w.rush.Connect = Connect{Connections: in, Seconds: took, PerSecond: perSecond(uint64(in), took)}
	w.rush.GaveUp = w.waiting
	w.rush.Entry = quantiles(w.entry)
	w.rush.Entry.Curve = nil
	return nil
}

// perWaveSource is how many guests leave from one loopback address. Far fewer than it
// has ports: the kernel searches for a free one, and with half of them taken 18,000
// SYNs took 11 s to leave, which looked like a slow gateway.
const perWaveSource = 2000

// source is where a guest comes from: an address whose ports neither the members nor
// the waves before have used up. Zero, the system's choice, for any destination but a
// loopback one.
func (w *Wave) source(i int) netip.Addr {
	if !w.to.Addr().IsLoopback() || !w.to.Addr().Is4() {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte{127, 1, byte(w.number), byte(1 + i/perWaveSource)})
}

// connect sends one guest's SYN.
func (w *Wave) connect(i int) (err error) {
	g := &w.guests[i]
	g.stage, g.at = connecting, time.Since(w.start)
	if g.fd, err = connectSocket(w.source(i), w.to); err != nil {
		return remedy(err)
	}
	return w.poll.add(g.fd, i)
}

// again sends those whose time has come once more.
func (w *Wave) again() error {
	now := time.Since(w.start)
	if now-w.looked < lookout {
		return nil
	}
	w.looked = now
	for i := range w.guests {
		if g := &w.guests[i]; g.fd < 0 && g.stage == outside && now >= g.at {
			if err := w.connect(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// serve goes on with one guest. An error ends the scene; what a gateway under load
// may do to a client is counted instead, and the client comes again.
func (w *Wave) serve(i int) error {
	g := &w.guests[i]
	if g.fd < 0 {
		return nil // told of once more in the same batch
	}
	if g.stage == connecting {
		if err := connectError(g.fd); err != nil {
			w.retry(g, retryAfter, &w.rush.Broken, remedy(err).Error())
			return nil
		}
		if time.Since(w.start)-g.at > retransmitted {
			w.rush.Dropped++
		}
		g.stage = shaking
		w.write(g, w.request)
	}
	for g.fd >= 0 {
		n, err := readSocket(g.fd, w.buf)
		if err != nil && again(err) {
			return nil
		}
		if err != nil || n == 0 {
			w.retry(g, retryAfter, &w.rush.Broken, "the server closed the connection without an answer")
			return nil
		}
		g.in = append(g.in, w.buf[:n]...)
		if err := w.read(i, g); err != nil {
			return err
		}
	}
	return nil
}

// read does what a guest has been told so far.
func (w *Wave) read(i int, g *guest) error {
	if g.stage == shaking {
		a, size, err := readAnswer(g.in)
		switch {
		case err != nil:
			return err
		case size == 0:
			return nil
		case a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests:
			// Spread, as a client should: all at once would be the next storm.
			wait := max(a.retryAfter, retryAfter)
			w.retry(g, wait+rand.N(wait/2), &w.rush.Refused, statusError(a.status, "").Error())
			return nil
		case a.status != http.StatusSwitchingProtocols:
			return statusError(a.status, "")
		}
		g.in, g.stage = g.in[size:], joining
		w.write(g, appendFrame(nil, ws.OpText, fmt.Appendf(nil, `{"type":"joinGroup","group":%q,"ackId":1}`, w.plan.GroupName(w.first+i))))
	}
	rest, in, ping, err := joined(g.in)
	if err != nil {
		w.retry(g, retryAfter, &w.rush.Broken, err.Error())
		return nil
	}
	if g.in = append(g.in[:0], rest...); len(rest) == 0 {
		g.in = nil // 18,000 times whatever it is
	}
	if ping {
		w.write(g, appendFrame(nil, ws.OpPong, nil))
	}
	if in && g.stage == joining {
		g.stage = inside
		w.waiting--
		record(w.entry, time.Since(w.start))
	}
	return nil
}

// write says little enough for an empty socket to take it whole; one that does not
// is broken.
func (w *Wave) write(g *guest, b []byte) {
	if n, err := writeSocket(g.fd, b); err != nil || n < len(b) {
		w.retry(g, retryAfter, &w.rush.Broken, "the server closed the connection")
	}
}

// retry counts what went wrong and has the guest come again later. Who was inside is
// outside again, and that is a loss.
func (w *Wave) retry(g *guest, wait time.Duration, count *int, why string) {
	if g.fd < 0 {
		return
	}
	closeSocket(g.fd)
	if g.stage == inside {
		w.waiting++
		count = &w.rush.Closed
	}
	*count++
	if w.rush.Why == "" {
		w.rush.Why = why
	}
	*g = guest{fd: -1, at: time.Since(w.start) + wait}
}

// leave closes all connections, as fast as that goes.
func (w *Wave) leave() {
	bye := appendFrame(nil, ws.OpClose, ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))
	for i := range w.guests {
		if g := &w.guests[i]; g.fd >= 0 {
			_, _ = writeSocket(g.fd, bye)
			closeSocket(g.fd)
			g.fd = -1
		}
	}
}

// close gives back what leave does not.
func (w *Wave) close() {
	w.leave()
	w.poll.close()
}
