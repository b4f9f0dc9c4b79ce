package offender

import (
	"bytes"
	"fmt"
	"time"

	"github.com/gobwas/ws"
)

// A flood is frames as fast as the attack says, many in a write.
const (
	floodEvery = 20 * time.Millisecond
	floodBurst = 100 // frames, so that each offender sends 5000 a second
)

// flood sends a burst of frames again and again until the connection ends. prepare, if
// there is one, changes it before each.
func (v *Visit) flood(burst []byte, frames int, prepare func(burst []byte)) string {
	return v.beside(v.closing, floodEvery, func() error {
		if prepare != nil {
			prepare(burst)
		}
		return v.write(burst, frames)
	})
}

// pings sends nothing but pings (RFC 6455 section 5.5.2), and reads the pongs.
func pings(v *Visit) string {
	if got := v.member(); got != "" {
		return got
	}
	return v.flood(repeat(appendFrame(nil, fin|byte(ws.OpPing), []byte("hello")), floodBurst), floodBurst, nil)
}

// fragments sends one message that has no end, a byte a frame.
func fragments(v *Visit) string {
	if got := v.member(); got != "" {
		return got
	}
	if err := v.write(appendFrame(nil, byte(ws.OpText), []byte("{")), 1); err != nil {
		return v.ending(err)
	}
	return v.flood(repeat(appendFrame(nil, byte(ws.OpContinuation), []byte(" ")), floodBurst), floodBurst, nil)
}

// empties sends messages without a byte, as a simple client, for whom they are messages.
func empties(v *Visit) string {
	if got := v.enter(fmt.Sprintf(route, fmt.Sprintf("empty-%d", v.n)), "", ""); got != "" {
		return got
	}
	return v.flood(repeat(appendFrame(nil, fin|byte(ws.OpText), nil), floodBurst), floodBurst, nil)
}

// joins joins and leaves groups, each of which nobody has ever named.
func joins(v *Visit) string {
	if got := v.member(); got != "" {
		return got
	}
	name := v.freshName()
	pair := append(text(`{"type":"joinGroup","group":"%s-%08d"}`, name, 0), text(`{"type":"leaveGroup","group":"%s-%08d"}`, name, 0)...)
	number := numberer(pair, name+"-")
	return v.flood(repeat(pair, floodBurst/2), floodBurst, number)
}

// publishes sends messages to a group of its own.
func publishes(v *Visit) string {
	if got := v.member(); got != "" {
		return got
	}
	b := text(`{"type":"sendToGroup","group":"publishes-%d","dataType":"text","data":"%s"}`, v.n, repeat([]byte("x"), 128))
	return v.flood(repeat(b, floodBurst), floodBurst, nil)
}

// newGroups sends a message to one group after the other, each of which nobody has ever
// named.
func newGroups(v *Visit) string {
	if got := v.member(); got != "" {
		return got
	}
	name := v.freshName()
	b := text(`{"type":"sendToGroup","group":"%s-%08d","dataType":"text","data":"hello"}`, name, 0)
	return v.flood(repeat(b, floodBurst), floodBurst, numberer(b, name+"-"))
}

// bulk sends messages that fill the way in: 40 MB a second.
func bulk(v *Visit) string {
	if got := v.member(); got != "" {
		return got
	}
	b := text(`{"type":"sendToGroup","group":"bulk-%d","dataType":"text","data":"%s"}`, v.n, repeat([]byte("x"), 800<<10))
	return v.flood(b, 1, nil)
}

// freshName is the start of names that no other connection has used.
func (v *Visit) freshName() string { return fmt.Sprintf("fresh-%d-%d", v.n, v.turn) }

// numberer returns what gives each part of a burst new numbers, of eight digits, where
// unit has them behind prefix.
func numberer(unit []byte, prefix string) func(burst []byte) {
	var places []int
	for from := 0; ; {
		i := bytes.Index(unit[from:], []byte(prefix))
		if i < 0 {
			break
		}
		from += i + len(prefix)
		places = append(places, from)
	}
	next, size := 0, len(unit)
	return func(burst []byte) {
		for at := 0; at < len(burst); at += size {
			next++
			for _, p := range places {
				putDigits(burst[at+p:at+p+8], next)
			}
		}
	}
}

// putDigits fills b with the last digits of n.
func putDigits(b []byte, n int) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

// place is where in b what follows prefix begins.
func place(b []byte, prefix string) int { return bytes.Index(b, []byte(prefix)) + len(prefix) }
