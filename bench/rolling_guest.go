package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/gobwas/ws"
)

// rollingFrame is what of a server's frame a rolling client looks at beside payloads.
type rollingFrame struct {
	Type, Event      string
	AckID            uint64
	Success          bool
	Position         string
	Recovered        *bool
	ReconnectAfterMs int64
	Error            struct{ Name, Message string }
}

// farewell is how a connection ended.
type farewell struct {
	told  bool // system/disconnected came
	after time.Duration
	code  ws.StatusCode // 0: none
	err   error         // why, if there was no close frame
}

// clean reports whether the gateway said all that it should before it closed.
func (f farewell) clean() bool { return f.told && f.code == restartCode }

// take notes system/disconnected, and reports whether a frame is that.
func (f *farewell) take(b []byte) bool {
	var said rollingFrame
	if !bytes.Contains(b, []byte(`"disconnected"`)) || json.Unmarshal(b, &said) != nil || said.Event != "disconnected" {
		return false
	}
	f.told, f.after = true, time.Duration(said.ReconnectAfterMs)*time.Millisecond
	return true
}

// restartCode asks a client to connect again, to another node.
const restartCode ws.StatusCode = 1012

// rollingLine is a connection of a rolling client, for one goroutine that reads.
type rollingLine struct {
	net.Conn
	in  *bufio.Reader
	buf []byte
}

// newRollingLine is a line on a connection, of which a reader may have something already.
func newRollingLine(conn net.Conn, in *bufio.Reader) *rollingLine {
	if in == nil {
		in = bufio.NewReaderSize(conn, 1024)
	}
	return &rollingLine{Conn: conn, in: in}
}

// openRolling connects as client id, as often as it takes. Who is refused waits, and not
// for as long as the others. An error means that ctx has ended; refused is how often the
// server said no.
func openRolling(ctx context.Context, p Plan, id int) (l *rollingLine, refused int, err error) {
	for ; ctx.Err() == nil; refused++ {
		dialing, cancel := context.WithTimeout(ctx, handshakeTimeout)
		conn, in, err := upgrade(dialing, p, id)
		cancel()
		if err == nil {
			return newRollingLine(conn, in), refused, nil
		}
		pause(ctx, 200*time.Millisecond+rand.N(300*time.Millisecond))
	}
	return nil, refused, ctx.Err()
}

// say writes a text frame.
func (l *rollingLine) say(text []byte) error {
	_, err := l.Write(appendFrame(nil, ws.OpText, text))
	return err
}

// listen gives hear each text frame until the connection ends. Pings and the close frame
// are answered, as the protocol asks. The bytes are valid during the call.
func (l *rollingLine) listen(hear func(text []byte)) (end farewell) {
	defer l.Close()
	for {
		h, err := ws.ReadHeader(l.in)
		if err != nil {
			end.err = err
			return end
		}
		if int(h.Length) > cap(l.buf) {
			l.buf = make([]byte, h.Length)
		}
		b := l.buf[:h.Length]
		if _, err := io.ReadFull(l.in, b); err != nil {
			end.err = err
			return end
		}
		switch h.OpCode {
		case ws.OpPing:
			_, _ = l.Write(appendFrame(nil, ws.OpPong, b))
		case ws.OpClose:
			end.code, _ = ws.ParseCloseFrameData(b)
			_, _ = l.Write(appendFrame(nil, ws.OpClose, ws.NewCloseFrameBody(end.code, "")))
			return end
		case ws.OpText:
			if !end.take(b) {
				hear(b)
			}
		}
	}
}

// rollingMember follows one group through all its connections. All of it is owned by its
// goroutine, and by whoever asks once that has ended.
type rollingMember struct {
	crowd *crowd
	id    int
	group int
	since string

	seen                          Sequence
	delivered, twice, disordered  uint64
	last                          time.Time // when the last message came
	silence                       time.Duration
	lost                          time.Time // when the connection ended; zero while there is one
	unrecovered, refused, unclean int
	why                           string // the first trouble
}

// live is the member's life: connect, join, follow, and again, until ctx ends.
func (m *rollingMember) live(ctx context.Context) {
	for ctx.Err() == nil {
		line, refused, err := openRolling(ctx, m.crowd.plan, m.id)
		m.refused += refused
		if err != nil {
			return
		}
		hangUp := context.AfterFunc(ctx, func() { _ = line.Close() })
		if err := line.say(m.join()); err != nil {
			m.trouble("joining: " + err.Error())
		}
		end := line.listen(m.hear)
		hangUp()
		if ctx.Err() != nil {
			return
		}
		m.crowd.left(m, end)
		if m.lost = time.Now(); !end.clean() {
			m.unclean++
			m.trouble(fmt.Sprintf("the connection ended with %+v", end))
		}
		pause(ctx, m.crowd.wait(end))
	}
}

// join is the member's request: from where it stands, if it stands anywhere.
func (m *rollingMember) join() []byte {
	b := fmt.Appendf(nil, `{"type":"joinGroup","group":%q,"ackId":1`, m.crowd.plan.GroupName(m.group))
	if m.since != "" {
		b = fmt.Appendf(b, `,"since":%q`, m.since)
	}
	return append(b, '}')
}

func (m *rollingMember) trouble(why string) {
	if m.why == "" {
		m.why = why
	}
}

// positionMark stands before a position in a frame; the payload has no quotes.
var positionMark = []byte(`"position":"`)

// hear takes one frame.
func (m *rollingMember) hear(b []byte) {
	p, ok := findPayload(b, m.crowd.plan.Size)
	if !ok {
		m.reply(b)
		return
	}
	now := time.Now()
	if !m.last.IsZero() {
		m.silence = max(m.silence, now.Sub(m.last))
	}
	m.last = now
	m.delivered++
	switch m.seen.Observe(p.Seq) {
	case Duplicated:
		m.twice++
	case Reordered:
		m.disordered++
	}
	if p.Group != m.group {
		m.trouble(fmt.Sprintf("a message to group %d", p.Group))
		m.disordered++
	}
	if at := bytes.LastIndex(b, positionMark); at >= 0 {
		position, _, _ := bytes.Cut(b[at+len(positionMark):], []byte(`"`))
		m.since = string(position)
	}
}

// reply takes the ack of the join.
func (m *rollingMember) reply(b []byte) {
	var f rollingFrame
	if json.Unmarshal(b, &f) != nil || f.Type != "ack" {
		return
	}
	switch recovered := f.Recovered != nil && *f.Recovered; {
	case !f.Success:
		m.trouble("the join was refused: " + f.Error.Name + ": " + f.Error.Message)
		return
	case m.since == "":
		m.since = f.Position
	case !recovered:
		m.unrecovered++
		m.since = f.Position
	}
	m.crowd.joined(m)
}
