package conformance

import (
	"fmt"
	"strings"
)

// zeros are squeezed by a thousand to one.
func zeros(n int) string { return strings.Repeat("\x00", n) }

// first is a message's first and only frame, compressed.
func first(op byte, payload string) []byte { return frame(fin|rsv1|op, payload) }

// compressed is RFC 7692 sections 7.2.2 and 7.2.3: what a client may make of a message.
func compressed(s *suite) {
	ok := func(name, payload, want string) {
		s.ok("7692 7.2.3 "+name, first(text, payload), said(want))
	}
	ok("one block", "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello")
	ok("a stored block", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello")
	ok("a last block", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello")
	ok("two blocks", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello")
	ok("an empty message", "\x00", "")
	ok("an empty message of no octets", "", "")
	ok("an empty fixed block", "\x02\x00", "")
	ok("stored blocks of nothing", "\x00\x00\x00\xff\xff\x00\x00\x00\xff\xff\x00", "")
	for _, n := range []int{1, 2, 125, 126, 127, 1000, 32768, 32769, 65535, 65536, 100_000} {
		long := strings.Repeat("Tidegate ", n/9+1)[:n]
		ok(fmt.Sprintf("%d octets", n), squeeze(long), long)
		s.ok(fmt.Sprintf("7692 7.2.3 %d octets, binary", n), first(binaries, squeeze(long)), sent(long))
	}
	ok("all of Unicode's widths", squeeze("a\u03ba\u1f79\U0001f600"), "a\u03ba\u1f79\U0001f600")
	s.ok("7692 7.2.3 all octets", first(binaries, squeeze(octets())), sent(octets()))
	s.ok("7692 6 a message that is not compressed", frame(fin|text, "plain"), said("plain"))
	s.ok("7692 6 an empty one", frame(fin|text, ""), said(""))
	s.ok("7692 6 compressed and not, in turn", join(first(text, squeeze("a")), frame(fin|text, "b"), first(binaries, squeeze("c")), frame(fin|binaries, "d"), first(text, squeeze("e"))),
		said("a"), said("b"), sent("c"), sent("d"), said("e"))
	s.ok("7692 7.1.1 the same message twice, without a context", join(first(text, squeeze("again and again")), first(text, squeeze("again and again"))),
		said("again and again"), said("again and again"))
	s.ok("7692 6.1 pings are not compressed", join(first(text, squeeze("a")), frame(fin|ping, "p")), said("a"), ponged("p"))
	s.add(testCase{name: "7692 6.1 closes are not compressed", in: join(first(text, squeeze("a")), frame(fin|closing, bye(1001, ""))), want: []event{said("a")}, code: 1001})
}

// compressedFragments is RFC 7692 section 6.1: only the first frame is marked, and
// payloads are cut anywhere.
func compressedFragments(s *suite) {
	const m = "fragments of \u03ba\u1f79"
	payload := squeeze(m)
	for i := range len(payload) + 1 {
		s.ok(fmt.Sprintf("7692 6.1 two frames, cut at %d", i), fragments(rsv1|text, payload[:i], payload[i:]), said(m))
	}
	s.ok("7692 6.1 one octet a frame", fragments(rsv1|text, chunks(payload, 1)...), said(m))
	s.ok("7692 6.1 empty frames", fragments(rsv1|text, "", payload, "", ""), said(m))
	s.ok("7692 6.1 nothing but empty frames", fragments(rsv1|binaries, "", "", ""), sent(""))
	s.ok("7692 6.1 a ping between", join(frame(rsv1|text, payload[:4]), frame(fin|ping, "p"), frame(fin|continuation, payload[4:])), ponged("p"), said(m))
	s.ok("7692 6.1 a fragmented message that is not compressed", fragments(text, "a", "b"), said("ab"))
	s.ok("7692 6.1 one of each", join(fragments(rsv1|text, payload[:3], payload[3:]), fragments(text, "a", "b"), fragments(rsv1|text, payload)),
		said(m), said("ab"), said(m))
	s.add(testCase{name: "7692 6.1 a close between", in: join(frame(rsv1|text, payload[:4]), frame(fin|closing, bye(1000, ""))), code: 1000})
}

// compressedFaults is RFC 7692 sections 6 and 6.2: where RSV1 must not be, and what is
// no DEFLATE data.
func compressedFaults(s *suite) {
	hello := squeeze("Hello")
	misuse := func(name string, parts ...[]byte) {
		s.fails("7692 6 RSV1 on "+name, 1002, reservedCheck, join(parts...))
	}
	misuse("a ping", frame(fin|rsv1|ping, "x"))
	misuse("a pong", frame(fin|rsv1|pong, "x"))
	misuse("a close", frame(fin|rsv1|closing, bye(1000, "")))
	misuse("a last continuation", frame(rsv1|text, hello[:2]), frame(fin|rsv1|continuation, hello[2:]))
	misuse("a middle continuation", frame(rsv1|text, hello[:2]), frame(rsv1|continuation, ""), frame(fin|continuation, hello[2:]))
	misuse("a continuation of what is not compressed", frame(text, "x"), frame(fin|rsv1|continuation, hello))
	misuse("a ping in a compressed message", frame(rsv1|text, hello[:2]), frame(fin|rsv1|ping, ""), frame(fin|continuation, hello[2:]))
	for _, bits := range []byte{rsv2, rsv3, rsv2 | rsv3} {
		misuse(fmt.Sprintf("text with bits %x", bits>>4), frame(fin|rsv1|bits|text, hello))
		misuse(fmt.Sprintf("binary, not alone: without it, bits %x", bits>>4), frame(fin|bits|binaries, hello))
	}
	s.fails("7692 6 RSV1 on an unknown opcode", 1002, opcodeCheck, frame(fin|rsv1|3, hello))
	s.fails("7692 6 a compressed message in a message", 1002, orderCheck, join(frame(text, "x"), first(text, hello)))
	s.fails("7692 6 a compressed message without a mask", 1002, maskCheck, unmasked(fin|rsv1|text, hello))

	bad := func(name, payload string) {
		s.fails("7692 6.2 "+name, 1007, deflateCheck, first(text, payload))
		s.fails("7692 6.2 "+name+", in fragments", 1007, deflateCheck, fragments(rsv1|text, chunks(payload, 1)...))
	}
	bad("the third type of block", "\x06\x00")
	bad("only ones", "\xff\xff\xff\xff")
	bad("text that is not compressed", "plain text")
	bad("a distance before the start", "\x02\x13\x00")
	bad("a stored block with a wrong complement", "\x00\x05\x00\x00\x00Hello\x00")
	bad("a stored block that is too short", "\x00\xff\x00\x00\xffHello")
	bad("a good block, then a bad one", "\xf2\x48\xcd\xc9\xc9\x07\x06")

	for _, b := range broken {
		s.fails(fmt.Sprintf("7692 6.2 text with %x", b.octets), 1007, textCheck, first(text, squeeze("a"+b.octets+"b")))
		s.ok(fmt.Sprintf("7692 6.2 binary with %x", b.octets), first(binaries, squeeze("a"+b.octets+"b")), sent("a"+b.octets+"b"))
	}
	for _, half := range halves {
		s.fails(fmt.Sprintf("7692 6.2 text that ends in %x", half), 1007, textCheck, first(text, squeeze("a"+half)))
	}
}

// squeezedZeros is as many MiB of zeros, compressed one by one: it is soon made.
func squeezedZeros(mib int) string {
	const end = "\x00\x00\xff\xff" // of each but the last
	return strings.TrimSuffix(strings.Repeat(squeeze(zeros(1<<20))+end, mib), end)
}

// compressedLimits: limits are those of the message, not of what it was squeezed to.
func compressedLimits(s *suite) {
	s.large("7692 8 as large as may be", first(binaries, squeezedZeros(messageBytes>>20)), 0, sent(zeros(messageBytes)))
	s.large("7692 8 as large as may be, in frames of 100", fragments(rsv1|binaries, chunks(squeezedZeros(messageBytes>>20), 100)...), 0, sent(zeros(messageBytes)))
	bomb := func(name string, in []byte, want ...event) {
		s.add(testCase{name: "7692 8 " + name, in: in, want: want, code: 1009, needs: sizeCheck, large: true})
	}
	bomb("one octet too many", first(binaries, squeezedZeros(messageBytes>>20)+"\x00\x00\xff\xff"+squeeze("x")))
	bomb("one octet too many of text", first(text, squeeze(strings.Repeat("x", messageBytes+1))))
	zip := squeezedZeros(64)
	bomb("64 MiB of zeros", first(binaries, zip))
	bomb("64 MiB of zeros in frames of 1000", fragments(rsv1|binaries, chunks(zip, 1000)...))
	bomb("a good message, then 64 MiB", join(first(text, squeeze("good")), first(binaries, zip)), said("good"))
}
