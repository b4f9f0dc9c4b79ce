package config

import (
	"fmt"
	"strconv"
)

// fault is a setting with a value that it may not have.
type fault struct {
	key   string
	value string // as people may see it
	want  string // what it may be, or how to mend it
	other string // the setting that it does not agree with, if that is what is wrong
}

// from is the fault as the operator reads it, in one line.
func (f fault) from(source string) error {
	return fmt.Errorf("setting %s: %s (%s): %s", f.key, f.value, source, f.want)
}

// quoted is a name or value that somebody else chose, fit for one line of a log.
func quoted(s string) string {
	const longest = 200
	if len(s) > longest {
		return strconv.Quote(s[:longest]) + "…"
	}
	return strconv.Quote(s)
}
