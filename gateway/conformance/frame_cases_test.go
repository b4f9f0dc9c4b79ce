package conformance

import (
	"fmt"
	"strings"
)

// framing is RFC 6455 section 5.2: lengths, in all of their encodings.
func framing(s *suite) {
	for _, n := range []int{0, 1, 2, 3, 4, 5, 7, 124, 125, 126, 127, 128, 255, 256, 1000, 4095, 4096, 16383, 16384, 65534, 65535, 65536, 65537, 131071} {
		long := strings.Repeat("*", n)
		s.ok(fmt.Sprintf("5.2 text of %d", n), frame(fin|text, long), said(long))
		long = strings.Repeat("\xfe", n)
		s.ok(fmt.Sprintf("5.2 binary of %d", n), frame(fin|binaries, long), sent(long))
	}
	// "The minimal number of bytes MUST be used" binds who sends; nobody is told to refuse
	// the others, and what they say is clear.
	for _, n := range []int{0, 1, 125} {
		long := strings.Repeat("x", n)
		s.ok(fmt.Sprintf("5.2 %d in a 16-bit length", n), join(header16(fin|text, n), masked(long, mask)), said(long))
		s.ok(fmt.Sprintf("5.2 %d in a 64-bit length", n), join(header64(fin|text, uint64(n)), masked(long, mask)), said(long))
	}
	long := strings.Repeat("x", 126)
	s.ok("5.2 126 in a 64-bit length", join(header64(fin|binaries, 126), masked(long, mask)), sent(long))
	s.ok("5.2 a ping of 5 in a 16-bit length", join(header16(fin|ping, 5), masked("hello", mask)), ponged("hello"))
	for _, n := range []uint64{1 << 63, 1<<63 | 1, 1<<64 - 1} {
		s.failsEarly(fmt.Sprintf("5.2 length %x", n), 1002, lengthCheck, join(header64(fin|binaries, n), []byte("x")))
	}
	s.fails("5.2 a length of 1 with the top bit", 1002, lengthCheck, join(header64(fin|text, 1<<63|1), masked("x", mask)))
	s.ok("5.2 all octets", frame(fin|binaries, octets()), sent(octets()))
	s.ok("5.4 messages in one segment", join(frame(fin|text, "a"), frame(fin|binaries, "b"), frame(fin|text, ""), frame(fin|text, "c")),
		said("a"), sent("b"), said(""), said("c"))
	var many []byte
	var want []event
	for i := range 300 {
		m := fmt.Sprint("message ", i)
		many, want = append(many, frame(fin|text, m)...), append(want, said(m))
	}
	s.ok("5.4 300 messages in one segment", many, want...)
}

// octets is each octet once.
func octets() string {
	var b [256]byte
	for i := range b {
		b[i] = byte(i)
	}
	return string(b[:])
}

// masks is RFC 6455 sections 5.1 and 5.3: clients mask all that they send.
func masks(s *suite) {
	for _, key := range [][4]byte{{}, {0xff, 0xff, 0xff, 0xff}, {1, 2, 3, 4}, {0, 0, 0, 0x80}} {
		for _, m := range []string{"", "a", "abc", "abcd", "abcde", "0123456789abcdef0123456789abcdefxyz"} {
			b := append([]byte{fin | text, 0x80 | byte(len(m))}, key[:]...)
			s.ok(fmt.Sprintf("5.3 %q masked with %x", m, key), append(b, masked(m, key)...), said(m))
		}
	}
	for name, b := range map[string][]byte{
		"text": unmasked(fin|text, "hello"), "binary": unmasked(fin|binaries, "\x01"), "empty text": unmasked(fin|text, ""),
		"a ping": unmasked(fin|ping, ""), "a pong": unmasked(fin|pong, "x"), "a close": unmasked(fin|closing, bye(1000, "")),
		"a first fragment": join(unmasked(text, "a"), frame(fin|continuation, "b")),
		"a continuation":   join(frame(text, "a"), unmasked(fin|continuation, "b")),
		"a ping between":   join(frame(text, "a"), unmasked(fin|ping, "b"), frame(fin|continuation, "c")),
	} {
		s.fails("5.1 unmasked: "+name, 1002, maskCheck, b)
	}
}

// reserved is RFC 6455 section 5.2: bits and opcodes that no extension has.
func reserved(s *suite) {
	for bits := byte(rsv3); bits <= rsv1|rsv2|rsv3; bits += rsv3 {
		for name, b := range map[string][]byte{
			"text": frame(fin|bits|text, "hello"), "binary": frame(fin|bits|binaries, "hello"), "empty text": frame(fin|bits|text, ""),
			"a ping": frame(fin|bits|ping, "x"), "a pong": frame(fin|bits|pong, "x"), "a close": frame(fin|bits|closing, bye(1000, "")),
			"a first fragment": join(frame(bits|text, "x"), frame(fin|continuation, "y")), "a continuation": join(frame(text, "x"), frame(fin|bits|continuation, "y")),
		} {
			s.fails(fmt.Sprintf("5.2 reserved bits %x: %s", bits>>4, name), 1002, reservedCheck, b)
		}
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		s.fails(fmt.Sprintf("5.2 opcode %x", op), 1002, opcodeCheck, frame(fin|op, ""))
		s.fails(fmt.Sprintf("5.2 opcode %x with a payload", op), 1002, opcodeCheck, frame(fin|op, "hello"))
		s.failsEarly(fmt.Sprintf("5.2 opcode %x, the header alone", op), 1002, opcodeCheck, header(fin|op, 5))
		s.fails(fmt.Sprintf("5.2 opcode %x in a message", op), 1002, opcodeCheck,
			join(frame(text, "a"), frame(fin|op, "b"), frame(fin|continuation, "c")))
	}
}

// fragmentation is RFC 6455 section 5.4.
func fragmentation(s *suite) {
	message := "fragments"
	for _, op := range []byte{text, binaries} {
		want := event{op, message}
		s.ok(fmt.Sprintf("5.4 opcode %x, one octet a frame", op), fragments(op, chunks(message, 1)...), want)
		for i := range len(message) + 1 {
			s.ok(fmt.Sprintf("5.4 opcode %x, two frames, cut at %d", op, i), fragments(op, message[:i], message[i:]), want)
			s.ok(fmt.Sprintf("5.4 opcode %x, a ping at %d", op, i),
				join(frame(op, message[:i]), frame(fin|ping, "p"), frame(fin|continuation, message[i:])), ponged("p"), want)
		}
		s.ok(fmt.Sprintf("5.4 opcode %x, empty frames", op), fragments(op, "", "", "x", "", ""), event{op, "x"})
		s.ok(fmt.Sprintf("5.4 opcode %x, nothing but empty frames", op), fragments(op, "", "", ""), event{op, ""})
		s.ok(fmt.Sprintf("5.4 opcode %x, frames of each length", op), fragments(op, "x", strings.Repeat("x", 126), strings.Repeat("x", 65536)),
			event{op, strings.Repeat("x", 1+126+65536)})
	}
	s.ok("5.4 pings and pongs between all frames", join(frame(text, "a"), frame(fin|ping, "1"), frame(continuation, "b"), frame(fin|pong, "2"),
		frame(fin|ping, "3"), frame(fin|ping, "4"), frame(fin|continuation, "c")), ponged("1"), ponged("3"), ponged("4"), said("abc"))
	s.ok("5.4 one fragmented message after the other", join(fragments(text, "a", "b"), fragments(binaries, "c", "d"), frame(fin|text, "e")),
		said("ab"), sent("cd"), said("e"))

	bad := func(name string, parts ...[]byte) { s.fails("5.4 "+name, 1002, orderCheck, join(parts...)) }
	for name, b := range map[string][]byte{"a last": frame(fin|continuation, "x"), "a middle": frame(continuation, "x"), "an empty": frame(fin|continuation, "")} {
		bad(name+" continuation of nothing", b)
		s.fails("5.4 "+name+" continuation after a whole message", 1002, orderCheck, join(frame(fin|text, "a"), b), said("a"))
		s.fails("5.4 "+name+" continuation after a fragmented message", 1002, orderCheck, join(fragments(text, "a", "b"), b), said("ab"))
		s.fails("5.4 "+name+" continuation after a ping", 1002, orderCheck, join(frame(fin|ping, "p"), b), ponged("p"))
	}
	for _, op := range []byte{text, binaries, fin | text, fin | binaries} {
		bad(fmt.Sprintf("a new message, %x, in a fragmented one", op), frame(text, "a"), frame(op, "b"))
		bad(fmt.Sprintf("a new message, %x, after a continuation", op), frame(binaries, "a"), frame(continuation, "b"), frame(op, "c"))
	}
}
