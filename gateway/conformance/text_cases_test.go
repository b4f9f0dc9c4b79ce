package conformance

import (
	"fmt"
	"strings"
)

// wellFormed is UTF-8 at the borders of its ranges (RFC 3629 section 3).
var wellFormed = []string{
	"\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\u0fff", "\u1000", "\ucfff", "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\uffff", "\ufeff",
	"\U00010000", "\U0001ffff", "\U0003fffe", "\U00040000", "\U000fffff", "\U00100000", "\U0010ffff", "\u03ba\u1f79\u03c3\u03bc\u03b5",
}

// broken is what is not UTF-8, and the octet after which that is sure, counted from 1.
var broken = []struct {
	octets string
	sure   int
}{
	{"\x80", 1}, {"\xbf", 1}, {"\xfe", 1}, {"\xff", 1}, {"\xfc\x80\x80\x80\x80\x80", 1}, {"\xf8\x88\x80\x80\x80", 1}, // no first octet
	{"\xc0\x80", 1}, {"\xc0\xaf", 1}, {"\xc1\xbf", 1}, // overlong, two octets
	{"\xe0\x80\x80", 2}, {"\xe0\x80\xaf", 2}, {"\xe0\x9f\xbf", 2}, // three
	{"\xf0\x80\x80\x80", 2}, {"\xf0\x80\x80\xaf", 2}, {"\xf0\x8f\xbf\xbf", 2}, // four
	{"\xed\xa0\x80", 2}, {"\xed\xad\xbf", 2}, {"\xed\xae\x80", 2}, {"\xed\xb0\x80", 2}, {"\xed\xbf\xbf", 2}, // surrogates
	{"\xed\xa0\x80\xed\xb0\x80", 2},                                           // a pair
	{"\xf4\x90\x80\x80", 2}, {"\xf5\x80\x80\x80", 1}, {"\xf7\xbf\xbf\xbf", 1}, // above U+10FFFF
	{"\xce\x41", 2}, {"\xe1\x80\x41", 3}, {"\xe1\x41", 2}, {"\xf1\x80\x80\x41", 4}, {"\xf1\x41", 2}, // cut short
	{"\xce\xce", 2}, {"\xe1\x80\xc0", 3}, {"\xf1\x80\xff", 3},
}

// halves is what may become UTF-8 and has not.
var halves = []string{"\xce", "\xe1", "\xe1\xbd", "\xed\x9f", "\xf0", "\xf0\x9f", "\xf0\x9f\x98", "\xf4\x8f\xbf"}

// goodText is RFC 6455 section 5.6: text is UTF-8, and a rune may be cut anywhere.
func goodText(s *suite) {
	for _, m := range wellFormed {
		s.ok(fmt.Sprintf("5.6 %x", m), frame(fin|text, m), said(m))
		s.ok(fmt.Sprintf("5.6 %x, one octet a frame", m), fragments(text, chunks(m, 1)...), said(m))
		for i := 1; i < len(m); i++ {
			s.ok(fmt.Sprintf("5.6 %x, a ping at %d", m, i), join(frame(text, "a"+m[:i]), frame(fin|ping, "p"), frame(fin|continuation, m[i:]+"b")),
				ponged("p"), said("a"+m+"b"))
		}
	}
	for _, b := range broken {
		s.ok(fmt.Sprintf("5.6 %x is binary", b.octets), frame(fin|binaries, b.octets), sent(b.octets))
	}
	runes := strings.Repeat("\u1f79", 50_000)
	s.ok("5.6 150,000 octets of three-octet runes", frame(fin|text, runes), said(runes))
	s.ok("5.6 the same in frames of 1000", fragments(text, chunks(runes, 1000)...), said(runes))
}

// chunks cuts a string into parts of n octets.
func chunks(m string, n int) (parts []string) {
	for len(m) > n {
		parts, m = append(parts, m[:n]), m[n:]
	}
	return append(parts, m)
}

// badText is RFC 6455 section 8.1: bad octets at the start, within, and in the end, in
// one frame and over frames.
func badText(s *suite) {
	bad := func(name string, in []byte) { s.fails("8.1 "+name, 1007, textCheck, in) }
	for _, b := range broken {
		bad(fmt.Sprintf("%x", b.octets), frame(fin|text, b.octets))
		bad(fmt.Sprintf("%x in front", b.octets), frame(fin|text, b.octets+"after it"))
		bad(fmt.Sprintf("%x within", b.octets), frame(fin|text, "before \u03ba"+b.octets+"\u03ba after"))
		bad(fmt.Sprintf("%x in the end", b.octets), frame(fin|text, "before it"+b.octets))
		bad(fmt.Sprintf("%x in the last frame", b.octets), fragments(text, "\u03ba", "", b.octets))
		for i := 1; i < len(b.octets); i++ {
			bad(fmt.Sprintf("%x over frames, cut at %d", b.octets, i), fragments(text, "a"+b.octets[:i], b.octets[i:]))
		}
	}
	for _, half := range halves {
		bad(fmt.Sprintf("%x at the end of a message", half), frame(fin|text, "a"+half))
		bad(fmt.Sprintf("%x at the end of the last frame", half), fragments(text, "a", half))
		bad(fmt.Sprintf("%x, then an empty last frame", half), fragments(text, half, ""))
	}
	for _, at := range []int{0, 1, 2, 3, 7, 8, 15, 16, 31, 63, 64, 124} {
		m := []byte(strings.Repeat("x", 125))
		m[at] = 0xff
		bad(fmt.Sprintf("ff at %d of 125", at), frame(fin|text, string(m)))
	}
	long := strings.Repeat("\u1f79", 30_000)
	bad("ff after 90,000 good octets", frame(fin|text, long+"\xff"))
	bad("90,000 good octets and half a rune", frame(fin|text, long+"\xe1\xbd"))
}

// earlyText: as soon as it is sure that text is not UTF-8 the connection fails, in the
// middle of a frame or of a message.
func earlyText(s *suite) {
	early := func(name string, in []byte) { s.failsEarly("8.1 early: "+name, 1007, textCheck, in) }
	begun := func(first byte, payload string, missing int) []byte {
		return join(header(first, len(payload)+missing), masked(payload, mask))
	}
	seen := map[string]bool{}
	for _, b := range broken {
		sure := b.octets[:b.sure]
		if seen[sure] {
			continue
		}
		seen[sure] = true
		early(fmt.Sprintf("%x", sure), begun(fin|text, sure, 10))
		early(fmt.Sprintf("%x after good text", sure), begun(fin|text, "good \u03ba"+sure, 70_000))
		early(fmt.Sprintf("%x in a frame that is whole, of a message that is not", sure), frame(text, sure))
		early(fmt.Sprintf("the last octet of %x in a continuation", sure),
			join(frame(text, "a"+sure[:b.sure-1]), begun(continuation, sure[b.sure-1:], 3)))
	}
}
