// Package conformance is a suite of RFC 6455 and RFC 7692: it has a gateway echo, over
// real sockets, and compares all that it says and the end of the connection with what the
// RFCs ask for. It knows nothing of the gateway's code. Run it with `make conformance`.
package conformance

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// What is small enough to be sent one octet a write, and cut at each position: the octets
// that are sent, and those that are heard for each cut. A case that fails takes a
// connection a cut.
const (
	mostOctets       = 300
	mostSplit        = 140
	mostHeard        = 500
	mostSplitFailing = 8
)

// way is how a case's octets are written.
type way struct {
	name string
	send func(c testCase, address string) error
	fits func(c testCase) bool
}

var ways = []way{
	{"whole", testCase.whole, func(testCase) bool { return true }},
	{"octets", testCase.octets, func(c testCase) bool { return len(c.in) <= mostOctets }},
	{"split", testCase.split, testCase.mayBeSplit},
}

func (c testCase) mayBeSplit() bool {
	heard := 0
	for _, e := range c.want {
		heard += len(e.payload)
	}
	return len(c.in) <= mostSplitFailing || c.code == 0 && len(c.in) <= mostSplit && heard <= mostHeard
}

// TestCases has all cases echoed by the gateway, whole, octet by octet, and cut.
func TestCases(t *testing.T) {
	address := start(t, "compression.enabled=true", fmt.Sprint("limits.message_bytes=", messageBytes), "limits.send_buffer_bytes=16MiB",
		fmt.Sprint("limits.message_fragments=", messageFragments))
	cases := all()
	var passed, runs atomic.Int64
	t.Run("case", func(t *testing.T) {
		seen := map[string]bool{}
		for _, c := range cases {
			if seen[c.name] {
				t.Errorf("two cases are called %s", c.name)
			}
			seen[c.name] = true
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				for _, w := range ways {
					if !w.fits(c) {
						continue
					}
					runs.Add(1)
					if err := w.send(c, address); err != nil {
						t.Errorf("%s: %v", w.name, err)
					}
				}
				if !t.Failed() {
					passed.Add(1)
				}
			})
		}
	})
	fmt.Printf("conformance: %d of %d cases passed, in %d runs: whole, octet by octet, cut at each position\n", passed.Load(), len(cases), runs.Load())
}
