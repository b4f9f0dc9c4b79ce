package main

import (
	"cmp"
	"strconv"
	"strings"
)

// Place is a position as the harness reads it. Clients are asked to treat positions
// as opaque; a judge of the stream's order is none, and what it reads of them is no
// more than the two numbers of a stream's id.
type Place struct{ Ms, Seq uint64 }

// endOfStream stands after every message.
var endOfStream = Place{^uint64(0), ^uint64(0)}

// readPlace reads a position: "1790000000000-0". What stands before the id or after it, the stream's
// epoch say, has to be set apart by another character than digits and hyphens.
func readPlace(s string) (p Place, ok bool) {
	hyphen := strings.LastIndexByte(s, '-')
	if hyphen < 1 {
		return p, false
	}
	first := strings.LastIndexFunc(s[:hyphen], notDigit) + 1
	last := len(s)
	if n := strings.IndexFunc(s[hyphen+1:], notDigit); n >= 0 {
		last = hyphen + 1 + n
	}
	var err1, err2 error
	p.Ms, err1 = strconv.ParseUint(s[first:hyphen], 10, 64)
	p.Seq, err2 = strconv.ParseUint(s[hyphen+1:last], 10, 64)
	return p, err1 == nil && err2 == nil
}

func notDigit(r rune) bool { return r < '0' || r > '9' }

// compare orders places as the stream does.
func (p Place) compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Ms, q.Ms), cmp.Compare(p.Seq, q.Seq))
}

// String is the place as Redis writes it.
func (p Place) String() string {
	return strconv.FormatUint(p.Ms, 10) + "-" + strconv.FormatUint(p.Seq, 10)
}

// before is the place right before p.
func (p Place) before() Place {
	switch {
	case p.Seq > 0:
		return Place{p.Ms, p.Seq - 1}
	case p.Ms > 0:
		return Place{p.Ms - 1, ^uint64(0)}
	}
	return p
}
