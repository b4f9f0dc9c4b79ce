package conformance

import (
	"fmt"
	"strings"
)

// What the gateway is started with.
const (
	messageBytes     = 4 << 20
	messageFragments = 70_000
)

// limits is RFC 6455 section 10.4 and status code 1009, and messages as large as they
// may be.
func limits(s *suite) {
	most := strings.Repeat("0123456789abcdef", messageBytes/16)
	for _, n := range []int{1 << 18, 1 << 20, messageBytes - 1, messageBytes} {
		s.large(fmt.Sprintf("10.4 text of %d", n), frame(fin|text, most[:n]), 0, said(most[:n]))
		s.large(fmt.Sprintf("10.4 binary of %d", n), frame(fin|binaries, most[:n]), 0, sent(most[:n]))
	}
	for _, n := range []int{64, 1000, 65536, 1 << 20} {
		s.large(fmt.Sprintf("10.4 text of 4 MiB in frames of %d", n), fragments(text, chunks(most, n)...), 0, said(most))
	}
	runes := strings.Repeat("\u03ba", messageBytes/2)
	s.large("10.4 4 MiB of two-octet runes in frames of 4097", fragments(text, chunks(runes, 4097)...), 0, said(runes))
	s.large("10.4 1000 messages of 1000", []byte(strings.Repeat(string(frame(fin|text, most[:1000])), 1000)), 0, repeat(said(most[:1000]), 1000)...)
	empty := string(frame(continuation, ""))
	s.large("10.4 as many empty frames as allowed", join(frame(text, "a"), []byte(strings.Repeat(empty, messageFragments-2)), frame(fin|continuation, "b")), 0, said("ab"))
	s.large("10.4 one frame more", join(frame(text, "a"), []byte(strings.Repeat(empty, messageFragments-1)), frame(fin|continuation, "b")), 1008)

	tooBig := func(name string, in []byte, want ...event) {
		s.add(testCase{name: "7.4.1 " + name, in: in, want: want, code: 1009, needs: sizeCheck, stalls: true})
	}
	for _, n := range []uint64{messageBytes + 1, 1 << 32, 1<<63 - 1} {
		tooBig(fmt.Sprintf("the header of a text of %d", n), header64(fin|text, n))
		tooBig(fmt.Sprintf("the header of a fragment of %d", n), header64(binaries, n))
		tooBig(fmt.Sprintf("the header of a continuation of %d", n), join(frame(text, "x"), header64(continuation, n)))
	}
	tooBig("one octet too many in a last frame", join(frame(binaries, most[:65536]), header64(fin|continuation, messageBytes-65536+1)))
	tooBig("a good message, then one too big", join(frame(fin|text, "good"), header64(fin|text, messageBytes+1)), said("good"))
	s.add(testCase{name: "7.4.1 a text of one octet too many", in: frame(fin|text, most+"x"), code: 1009, needs: sizeCheck, large: true})
}

func repeat(e event, n int) (all []event) {
	for range n {
		all = append(all, e)
	}
	return all
}
