package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Progress shows how far a run is: one line that is rewritten in place on a
// terminal, one line a second anywhere else, nothing when quiet. Safe for
// concurrent use.
type Progress struct {
	w        io.Writer
	terminal bool
	quiet    bool

	mu    sync.Mutex // guards what follows, and the writes
	last  time.Time
	dirty bool // the terminal's line is not ended
}

// newProgress returns a Progress on w.
func newProgress(w io.Writer, quiet bool) *Progress {
	return &Progress{w: w, quiet: quiet, terminal: isTerminal(w)}
}

// isTerminal reports whether w is a character device. Others than terminals are
// too, such as /dev/null; they do not mind.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Line shows the state of things.
func (p *Progress) Line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.quiet:
	case p.terminal:
		fmt.Fprintf(p.w, "\r\x1b[K"+format, args...)
		p.dirty = true
	default:
		fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// Tick is Line at most once a second, for what happens often.
func (p *Progress) Tick(format string, args ...any) {
	p.mu.Lock()
	early := time.Since(p.last) < time.Second
	if !early {
		p.last = time.Now()
	}
	p.mu.Unlock()
	if !early {
		p.Line(format, args...)
	}
}

// End ends the line, so that what comes next starts on its own.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dirty {
		fmt.Fprintln(p.w)
		p.dirty = false
	}
}
