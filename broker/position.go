package broker

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Position is where a message stands in its group's stream. Positions of one
// group rise with its messages; nothing else may be concluded from them.
type Position struct {
	Ms  uint64 // the stream's clock when the message was appended, in milliseconds
	Seq uint64 // tells apart what was appended in the same millisecond
}

// String is the position as clients and Redis see it: "1790000000000-0".
func (p Position) String() string { return string(p.Append(nil)) }

// Append appends what String returns to dst.
func (p Position) Append(dst []byte) []byte {
	dst = strconv.AppendUint(dst, p.Ms, 10)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, p.Seq, 10)
}

// IsZero reports whether p is the position before every message.
func (p Position) IsZero() bool { return p == Position{} }

// Beginning is the position before every message of a group in which nothing had been
// said at a time. It is for Resume; Read takes the zero position for it.
func Beginning(empty time.Time) Position { return Position{Seq: uint64(max(empty.UnixMilli(), 1))} }

// Empty is the time that Beginning was given; false for other positions.
func (p Position) Empty() (at time.Time, ok bool) {
	return time.UnixMilli(int64(p.Seq)), p.Ms == 0 && p.Seq > 0
}

// Before reports whether p stands before q in the same stream.
func (p Position) Before(q Position) bool {
	return p.Ms < q.Ms || p.Ms == q.Ms && p.Seq < q.Seq
}

// Compare is negative if p stands before q in the same stream, positive if behind it, and
// zero if they are the same.
func (p Position) Compare(q Position) int {
	if c := cmp.Compare(p.Ms, q.Ms); c != 0 {
		return c
	}
	return cmp.Compare(p.Seq, q.Seq)
}

// ParsePosition reads what String wrote.
func ParsePosition(s string) (Position, error) {
	ms, seq, ok := strings.Cut(s, "-")
	if !ok {
		return Position{}, fmt.Errorf("broker: position %q: want two numbers joined by a hyphen, as a message's position member has them", s)
	}
	var p Position
	var err error
	if p.Ms, err = strconv.ParseUint(ms, 10, 64); err == nil {
		p.Seq, err = strconv.ParseUint(seq, 10, 64)
	}
	if err != nil {
		return Position{}, fmt.Errorf("broker: position %q: want two numbers joined by a hyphen, as a message's position member has them", s)
	}
	return p, nil
}
