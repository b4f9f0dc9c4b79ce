package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// yieldAll has this process run when nothing else wants to: whoever wakes up takes the
// processor from it at once, which he would not from one that only has the lowest priority.
// Threads that begin later have it from those that begin them.
func yieldAll() {
	_ = unix.Setpriority(unix.PRIO_PGRP, 0, lowest) // where the kernel refuses what follows
	threads, _ := os.ReadDir("/proc/self/task")
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.SchedSetAttr(id, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0)
		}
	}
}
