package conformance

import (
	"fmt"
	"sync"
)

// check is what a case shows to be there. A server without it fails that case.
type check string

const (
	maskCheck         check = "frames are masked"
	reservedCheck     check = "reserved bits are zero"
	opcodeCheck       check = "opcodes are known"
	lengthCheck       check = "a length has no top bit"
	orderCheck        check = "fragments are in order"
	controlSizeCheck  check = "control frames are short"
	controlWholeCheck check = "control frames are whole"
	closeCheck        check = "close frames are well-formed"
	textCheck         check = "text is UTF-8"
	sizeCheck         check = "messages are not too big"
	deflateCheck      check = "compressed messages inflate"
)

// testCase is what a client sends and what the server must answer. Around it the
// client says more: before what must fail a message that is echoed, after it one that
// must not be; after what must not fail a close frame, which must be answered.
type testCase struct {
	name string // the RFC's section, then what it is
	in   []byte
	want []event // before the close
	code int     // of the server's close frame; 0 if in does not end the connection

	offer  string // of extensions
	needs  check  // that the server must have to pass
	stalls bool   // in ends within a frame, and must be answered all the same
	large  bool   // takes a gateway's limits: not for every server
}

const noCode = 1005 // a close frame without a code

// suite collects cases.
type suite struct {
	cases []testCase
	offer string // for the cases that are added
}

func (s *suite) add(c testCase) {
	c.offer = s.offer
	s.cases = append(s.cases, c)
}

// ok adds input that leaves the connection as it was.
func (s *suite) ok(name string, in []byte, want ...event) {
	s.add(testCase{name: name, in: in, want: want})
}

// fails adds input that the server must answer with a close code, since it checks
// something.
func (s *suite) fails(name string, code int, needs check, in []byte, want ...event) {
	s.add(testCase{name: name, in: in, want: want, code: code, needs: needs})
}

// failsEarly adds input that must be answered so before its last frame is whole.
func (s *suite) failsEarly(name string, code int, needs check, in []byte, want ...event) {
	s.add(testCase{name: name, in: in, want: want, code: code, needs: needs, stalls: true})
}

// large adds input of a gateway's dimensions.
func (s *suite) large(name string, in []byte, code int, want ...event) {
	s.add(testCase{name: name, in: in, want: want, code: code, large: true})
}

// all is the suite: RFC 6455, then RFC 7692. Its bombs take a while to make.
var all = sync.OnceValue(func() []testCase {
	var s suite
	framing(&s)
	masks(&s)
	reserved(&s)
	fragmentation(&s)
	controls(&s)
	closes(&s)
	goodText(&s)
	badText(&s)
	earlyText(&s)
	limits(&s)
	s.offer = "permessage-deflate; client_max_window_bits"
	compressed(&s)
	compressedFragments(&s)
	compressedFaults(&s)
	compressedLimits(&s)
	return s.cases
})

// said is a message that is echoed.
func said(s string) event { return event{text, s} }

func sent(s string) event { return event{binaries, s} }

func ponged(s string) event { return event{pong, s} }

// closed is the close frame with a code.
func closed(code int) event {
	if code == noCode {
		return event{closing, ""}
	}
	return event{closing, fmt.Sprint(code)}
}

// conversation is all that the client sends, and all that it must hear.
func (c testCase) conversation() (input []byte, want []event) {
	if c.code == 0 {
		return join(c.in, frame(fin|closing, bye(1000, ""))), append(c.want[:len(c.want):len(c.want)], closed(1000))
	}
	input = join(frame(fin|text, "before"), c.in)
	if !c.stalls {
		input = join(input, frame(fin|text, "after"), frame(fin|closing, bye(1000, "")))
	}
	want = append([]event{said("before")}, c.want...)
	return input, append(want, closed(c.code))
}
