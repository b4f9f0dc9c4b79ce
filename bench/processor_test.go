package main

import (
	"os"
	"testing"
	"time"
)

func TestReadStat(t *testing.T) {
	f := func(in string, want time.Duration, ok bool) {
		t.Helper()
		if got, err := readStat([]byte(in)); got != want || (err == nil) != ok {
			t.Errorf("%q: %v, %v; want %v, %v", in, got, err, want, ok)
		}
	}
	const rest = " S 1 2 3 0 -1 4194560 10 20 30 40 150 250 7 8 20 0 5 0 100"
	f("12 (gateway)"+rest, 4*time.Second, true)
	f("12 (a) b) (c)"+rest, 4*time.Second, true)
	f("12 (gateway) S 1 2 3 0 -1 4194560 10 20 30 40 150", 0, false)
	f("12 (gateway) S 1 2 3 0 -1 4194560 10 20 30 40 x 250 7", 0, false)
	f("12 (gateway) S 1 2 3 0 -1 4194560 10 20 30 40 150 -1 7", 0, false)
	f("", 0, false)
}

// The system's own accounting says the same, to a few ticks.
func TestProcessCPU(t *testing.T) {
	for began := ownCPU(); ownCPU()-began < 100*time.Millisecond; {
		_ = runName()
	}
	before := ownCPU()
	got, err := processCPU(os.Getpid())
	after := ownCPU()
	if err != nil || got < before-5*tick || got > after+5*tick {
		t.Errorf("%v, %v: want %v to %v", got, err, before, after)
	}
	if got, err := processCPU(0); got != 0 || err != nil {
		t.Errorf("%v, %v: nobody's time is known", got, err)
	}
	if _, err := processCPU(1 << 30); err == nil {
		t.Error("a process that there is not has a time")
	}
}
