package conformance

import (
	"fmt"
	"strings"
)

// controls is RFC 6455 sections 5.5, 5.5.2 and 5.5.3: pings and pongs.
func controls(s *suite) {
	for _, n := range []int{0, 1, 2, 124, 125} {
		payload := strings.Repeat("\xfe", n)
		s.ok(fmt.Sprintf("5.5.2 a ping of %d", n), frame(fin|ping, payload), ponged(payload))
		s.ok(fmt.Sprintf("5.5.3 a pong of %d that nobody asked for", n), frame(fin|pong, payload))
	}
	s.ok("5.5.2 a ping of all octets below 125", frame(fin|ping, octets()[:125]), ponged(octets()[:125]))
	s.ok("5.5.3 a pong, then a ping", join(frame(fin|pong, "a"), frame(fin|ping, "b")), ponged("b"))
	var many []byte
	var want []event
	for i := range 100 {
		many, want = append(many, frame(fin|ping, fmt.Sprint(i))...), append(want, ponged(fmt.Sprint(i)))
	}
	s.ok("5.5.2 100 pings", many, want...)
	s.ok("5.5.2 a ping between messages", join(frame(fin|text, "a"), frame(fin|ping, "b"), frame(fin|text, "c")), said("a"), ponged("b"), said("c"))

	for op, name := range map[byte]string{ping: "ping", pong: "pong", closing: "close"} {
		start := ""
		if op == closing {
			start = bye(1000, "")
		}
		for _, n := range []int{126, 127, 65535, 65536} {
			s.fails(fmt.Sprintf("5.5 a %s of %d", name, n), 1002, controlSizeCheck, frame(fin|op, start+strings.Repeat("x", n-len(start))))
			s.failsEarly(fmt.Sprintf("5.5 a %s of %d, the header alone", name, n), 1002, controlSizeCheck, header(fin|op, n))
		}
		needs := controlWholeCheck
		if op == pong {
			needs = "" // who takes its first frame for a pong finds that the second continues nothing
		}
		s.fails("5.5 a fragmented "+name, 1002, needs, join(frame(op, start), frame(fin|continuation, "x")))
		s.fails("5.5 a first fragment of a "+name, 1002, controlWholeCheck, frame(op, start))
		s.fails("5.5 a fragmented "+name+" in a message", 1002, controlWholeCheck, join(frame(text, "a"), frame(op, start), frame(fin|continuation, "b")))
	}
}

// closes is RFC 6455 sections 5.5.1, 7.1.5 and 7.4.
func closes(s *suite) {
	echoed := func(name string, code int, in []byte, want ...event) {
		s.add(testCase{name: name, in: in, want: want, code: code})
	}
	echoed("5.5.1 a close without a code", noCode, frame(fin|closing, ""))
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001, 3999, 4000, 4001, 4999} {
		echoed(fmt.Sprintf("7.4 close %d", code), code, frame(fin|closing, bye(code, "")))
		echoed(fmt.Sprintf("7.4 close %d with a reason", code), code, frame(fin|closing, bye(code, "enough")))
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 5001, 32768, 65535} {
		s.fails(fmt.Sprintf("7.4 close %d", code), 1002, closeCheck, frame(fin|closing, bye(code, "")))
		s.fails(fmt.Sprintf("7.4 close %d with a reason", code), 1002, closeCheck, frame(fin|closing, bye(code, "enough")))
	}
	s.fails("5.5.1 a close of one octet", 1002, closeCheck, frame(fin|closing, "\x03"))
	echoed("5.5.1 a reason of 123 octets", 1000, frame(fin|closing, bye(1000, strings.Repeat("x", 123))))
	echoed("5.5.1 a reason in UTF-8", 1000, frame(fin|closing, bye(1000, "\u03ba\u1f79\u03c3\u03bc\u03b5 \U0001f600")))
	for _, b := range broken {
		s.fails(fmt.Sprintf("5.5.1 a reason with %x", b.octets), 1007, textCheck, frame(fin|closing, bye(1000, b.octets)))
		s.fails(fmt.Sprintf("5.5.1 a reason with %x within", b.octets), 1007, textCheck, frame(fin|closing, bye(1001, "a"+b.octets+"b")))
	}
	for _, half := range halves {
		s.fails(fmt.Sprintf("5.5.1 a reason that ends in %x", half), 1007, textCheck, frame(fin|closing, bye(1000, "a"+half)))
	}
	echoed("5.5.1 a close in a fragmented message", 1000, join(frame(text, "a"), frame(fin|closing, bye(1000, "")), frame(fin|continuation, "b")))
	echoed("5.5.1 a close in a rune", 1000, join(frame(text, "\xce"), frame(fin|closing, bye(1000, "")), frame(fin|continuation, "\xba")))
	echoed("5.5.1 a close after messages, which are answered first", 1000,
		join(frame(fin|text, "a"), frame(fin|ping, "b"), frame(fin|closing, bye(1000, ""))), said("a"), ponged("b"))
	echoed("5.5.1 a ping after the close", 1000, join(frame(fin|closing, bye(1000, "")), frame(fin|ping, "x")))
	echoed("5.5.1 two closes", 1000, join(frame(fin|closing, bye(1000, "")), frame(fin|closing, bye(1001, ""))))
	echoed("5.5.1 a bad frame after the close", 1000, join(frame(fin|closing, bye(1000, "")), frame(fin|rsv2|3, "x")))
	echoed("5.5.1 64 KiB after the close", 1001, join(frame(fin|closing, bye(1001, "")), frame(fin|binaries, strings.Repeat("x", 1<<16))))
}
