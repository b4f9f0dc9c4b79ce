package conformance

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// TestLacking: the cases find what is broken. A server that makes all checks passes those
// that need no gateway; each of its copies that lacks one check fails in the cases that
// need it, in all of them and in no others.
func TestLacking(t *testing.T) {
	for _, lacks := range []check{"", maskCheck, textCheck, opcodeCheck, reservedCheck, orderCheck, lengthCheck, controlSizeCheck, controlWholeCheck, closeCheck} {
		name := fmt.Sprintf("a server that does not see to it that %s", lacks)
		if lacks == "" {
			name = "a server that makes all checks"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := echoServer{lacks}.serve(t)
			cases := judging(lacks)
			var failed atomic.Int64
			var running sync.WaitGroup
			slots := make(chan struct{}, 8)
			for _, c := range cases {
				slots <- struct{}{}
				running.Go(func() {
					defer func() { <-slots }()
					err := c.whole(address)
					if err != nil {
						failed.Add(1)
					}
					if want := lacks != "" && c.needs == lacks; want != (err != nil) {
						t.Errorf("%s: want a failure: %v, got %v", c.name, want, err)
					}
				})
			}
			running.Wait()
			if lacks != "" && failed.Load() == 0 {
				t.Error("nothing was found")
			}
			fmt.Printf("conformance: %s fails in %d of %d cases\n", name, failed.Load(), len(cases))
		})
	}
}

// judging are the cases for a server that lacks a check: all that need it, and a sample of
// the others, since connections are not free; without a lack all. A lenient server would
// wait for the end of a frame that never comes.
func judging(lacks check) (cases []testCase) {
	for i, c := range all() {
		if c.offer != "" || c.stalls || c.large {
			continue
		}
		if lacks == "" || c.needs == lacks || i%16 == 0 {
			cases = append(cases, c)
		}
	}
	return cases
}
