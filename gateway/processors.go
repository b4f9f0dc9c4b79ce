package main

import (
	"os"
	"runtime"
)

// cpus is how many CPUs Go may use, as it was when the process began.
var cpus = runtime.GOMAXPROCS(0)

// spareProcessors gives Go one processor more than CPUs for each worker, unless the
// operator has set GOMAXPROCS.
//
// A worker's loop waits in epoll_wait, a system call of which Go's scheduler does not
// know that it waits. Until its monitor notices, which takes 20 µs to 10 ms, the loop
// keeps its processor, and the broker's reader that the loop has just woken does not
// run. On one CPU the gateway was so idle for a third of the time under full load.
func spareProcessors(workers int) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(cpus + workers)
	}
}
