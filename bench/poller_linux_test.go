package main

import (
	"testing"
	"time"
)

// Each thing that happens to a socket is told once.
func TestPoller(t *testing.T) {
	p := testPoller(t)
	c, far := socketPair(t)
	if err := p.add(c.fd, 42); err != nil {
		t.Fatal(err)
	}
	if r := next(t, p); r.index != 42 || r.ending {
		t.Errorf("%+v: want the room to write", r)
	}
	if _, err := far.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if r := next(t, p); r.index != 42 || r.ending {
		t.Errorf("%+v: want something to read", r)
	}
	if ready, err := p.wait(0); len(ready) != 0 || err != nil {
		t.Errorf("%+v, %v: told twice", ready, err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if r := next(t, p); r.index != 42 || !r.ending {
		t.Errorf("%+v: want the end", r)
	}
}

// Waiting for nothing takes as long as was asked for, and is counted as sleep.
func TestPollerSleeps(t *testing.T) {
	p := testPoller(t)
	const pause = 30 * time.Millisecond
	began := time.Now()
	if ready, err := p.wait(pause); len(ready) != 0 || err != nil {
		t.Fatalf("%+v, %v", ready, err)
	}
	if took := time.Since(began); took < pause || p.slept < pause || p.slept > took {
		t.Errorf("waited %v and counted %v, want %v", took, p.slept, pause)
	}
	before := p.slept
	if _, err := p.wait(0); err != nil || p.slept != before {
		t.Errorf("%v: looking without waiting is counted as sleep", err)
	}
}

func TestPollerErrors(t *testing.T) {
	p := testPoller(t)
	if err := p.add(-1, 0); err == nil {
		t.Error("a descriptor that is none was added")
	}
	closed, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	closed.close()
	if _, err := closed.wait(time.Millisecond); err == nil {
		t.Error("a closed poller waits")
	}
}
