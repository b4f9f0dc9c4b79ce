package main

import (
	"bytes"
	"os"
	"testing"
)

func TestProgress(t *testing.T) {
	f := func(terminal, quiet bool, want string) {
		t.Helper()
		var b bytes.Buffer
		p := newProgress(&b, quiet)
		p.terminal = terminal
		p.Line("%d", 1)
		p.Line("%d", 2)
		p.End()
		p.End()
		if b.String() != want {
			t.Errorf("terminal %v, quiet %v: %q, want %q", terminal, quiet, b.String(), want)
		}
	}
	f(false, false, "1\n2\n")
	f(true, false, "\r\x1b[K1\r\x1b[K2\n")
	f(false, true, "")
	f(true, true, "")
}

func TestProgressTick(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, false)
	for n := range 1000 {
		p.Tick("%d", n)
	}
	if lines := bytes.Count(b.Bytes(), []byte("\n")); lines < 1 || lines > 100 {
		t.Errorf("%d lines in no time", lines)
	}
}

func TestIsTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if isTerminal(w) || isTerminal(&bytes.Buffer{}) {
		t.Error("a pipe or a buffer is taken for a terminal")
	}
}
