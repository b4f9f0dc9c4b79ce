package offender

import (
	"fmt"
	"time"

	"github.com/gobwas/ws"
)

// stay is a client like others, but that it says nothing.
func stay(v *Visit) string { return mute(v) }

// mute is a client that has gone without a word: it reads, as its kernel would, and
// answers nothing.
func mute(v *Visit) string {
	if got := v.member(); got != "" {
		return got
	}
	return v.closing()
}

// dripFrames sends a message of a megabyte, a byte at a time.
func dripFrames(v *Visit) string {
	if got := v.member(); got != "" {
		return got
	}
	b := append(appendHead(nil, fin|byte(ws.OpText), 1<<20), '{')
	sent := 0
	return v.beside(v.closing, 200*time.Millisecond, func() error {
		next := b[min(sent, len(b)-1):][:1]
		sent++
		return v.write(next, 1)
	})
}

const (
	// speakers of those who are deaf speak to the others, each below the bounds of one
	// client.
	speakers = 2
	// huddle is how many who are deaf have a group.
	huddle = 8
	// spoken is the size of what they say: so large that little of it fills every buffer.
	spoken = 16 << 10
)

// deaf never reads, while its group is spoken in; a pong each second says that it is
// there. The first few of the crew are those who speak, in the groups of all others in turn.
func deaf(v *Visit) string {
	if v.n < speakers {
		return speak(v)
	}
	v.small = true
	if got := v.member(); got != "" {
		return got
	}
	if err := v.write(text(`{"type":"joinGroup","group":"deaf-%05d"}`, v.n/huddle), 1); err != nil {
		return v.ending(err)
	}
	pong := appendFrame(nil, fin|byte(ws.OpPong), nil)
	for v.rest(time.Second) {
		if err := v.write(pong, 1); err != nil {
			return v.ending(err)
		}
	}
	return held
}

// speak is one of those that speak to who is deaf.
func speak(v *Visit) string {
	if got := v.member(); got != "" {
		return got
	}
	b := text(`{"type":"sendToGroup","group":"deaf-%05d","dataType":"text","data":"%s","noEcho":true}`, 0, repeat([]byte("x"), spoken))
	digits := place(b, "deaf-") // of the group
	all := v.crew.Size()/huddle + 1
	next := v.n
	return v.beside(v.closing, 3*time.Millisecond, func() error { // evenly: the attack is that nobody listens
		copy(b[digits:], fmt.Sprintf("%05d", next))
		if next += speakers; next >= all {
			next = v.n
		}
		return v.write(b, 1)
	})
}
