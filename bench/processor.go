package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of /proc/PID/stat: Linux has told user space 100 a second since
// ever, whatever it counts by itself.
const tick = time.Second / 100

// processCPU is the processor time that a process has used, all threads together; 0
// of process 0.
func processCPU(pid int) (time.Duration, error) {
	if pid == 0 {
		return 0, nil
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("reading a server's CPU time: %w; check --pid", err)
	}
	return readStat(text)
}

// readStat reads utime and stime of /proc/PID/stat. A program's name stands before
// them in parentheses and may hold blanks and parentheses of its own, so that the last
// one counts.
func readStat(text []byte) (time.Duration, error) {
	const utime, stime = 11, 12 // counted from behind the name
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) <= stime {
		return 0, fmt.Errorf("/proc/PID/stat has %d fields behind the name; this is no Linux that bench limit knows", len(fields))
	}
	user, err := strconv.ParseUint(string(fields[utime]), 10, 62)
	if err != nil {
		return 0, fmt.Errorf("/proc/PID/stat: utime: %w", err)
	}
	system, err := strconv.ParseUint(string(fields[stime]), 10, 62)
	if err != nil {
		return 0, fmt.Errorf("/proc/PID/stat: stime: %w", err)
	}
	return time.Duration(user+system) * tick, nil
}

// Spent is what a measurement cost, in processor time.
type Spent struct {
	Wall   time.Duration
	Server time.Duration
	Store  time.Duration // the server's Redis
	Load   time.Duration // this process
}

// spend runs f and says what it cost.
func (s Subject) spend(f func() error) (Spent, error) {
	before, err := s.spent()
	if err != nil {
		return Spent{}, err
	}
	start := time.Now()
	if err := f(); err != nil {
		return Spent{}, err
	}
	wall := time.Since(start)
	after, err := s.spent()
	return Spent{wall, after.Server - before.Server, after.Store - before.Store, after.Load - before.Load}, err
}

// spent is what was spent up to now.
func (s Subject) spent() (t Spent, err error) {
	t.Load = ownCPU()
	if t.Server, err = processCPU(s.PID); err != nil {
		return t, err
	}
	t.Store, err = processCPU(s.Store)
	return t, err
}
