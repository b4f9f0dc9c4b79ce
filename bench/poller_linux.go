package main

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readiness is one socket that can go on.
type readiness struct {
	index  int // as given to add
	ending bool
}

// poller waits for many sockets at once: one epoll instance. 100,000 deliveries a
// second on 1000 connections took 0.60 of a core this way, checked, and 0.80 with a
// goroutine per connection that only counted them; and a harness that takes CPU
// from the server that it measures measures itself. Owned by one goroutine.
type poller struct {
	fd     int
	events [256]unix.EpollEvent
	ready  []readiness
	slept  time.Duration // by wait, since the beginning
}

// newPoller opens an epoll instance, to be closed by close.
func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return &poller{fd: fd}, err
}

// pin keeps the calling goroutine on its thread and asks the kernel to wake that
// thread on time: by default it may sleep 50 µs longer, which every latency would
// show. The goroutine must end without unlocking, so that the thread ends with it.
func pin() {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // refused: late by 50 µs, and lateness is measured
}

// starved is how long the calling thread has been ready to run and no processor
// was free, since it began. Zero if the kernel does not say.
func starved() time.Duration {
	text, err := os.ReadFile("/proc/thread-self/schedstat")
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 2 {
		return 0
	}
	ns, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(ns)
}

// add watches fd; index comes back with its events. Edge-triggered, because the
// kernel looks at each level-triggered socket twice. So whoever is told of a socket
// must read until there is no more, or its next event may never come.
func (p *poller) add(fd, index int) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET,
		Fd:     int32(index),
	})
}

// wait returns the sockets that can go on, after at most timeout. The slice is
// valid until the next call.
//
// It asks without waiting first, by a raw system call that Go's scheduler does not
// see: under load there is nearly always something, and the scheduler would hand
// the processor to somebody else at each call.
func (p *poller) wait(timeout time.Duration) ([]readiness, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd),
		uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)), 0, 0, 0)
	if n == 0 && errno == 0 && timeout > 0 {
		ts := unix.NsecToTimespec(int64(timeout))
		before := time.Now()
		n, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd),
			uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)), uintptr(unsafe.Pointer(&ts)), 0, 0)
		p.slept += time.Since(before)
	}
	p.ready = p.ready[:0]
	if errno == unix.EINTR {
		return p.ready, nil
	}
	if errno != 0 {
		return nil, errno
	}
	for _, ev := range p.events[:n] {
		p.ready = append(p.ready, readiness{int(ev.Fd), ev.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0})
	}
	return p.ready, nil
}

// close closes the epoll instance, and none of the sockets.
func (p *poller) close() { _ = unix.Close(p.fd) }

// readSocket reads what is there. Raw, because a non-blocking read never waits and
// so the scheduler need not know.
func readSocket(fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return result(n, errno)
}

// writeSocket writes what the socket takes at once.
func writeSocket(fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return result(n, errno)
}

// result is what a system call returned, as Go has it.
func result(n uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// duplicate returns a descriptor of the same socket that Go's own poller does not
// know. It stays non-blocking.
func duplicate(fd uintptr) (int, error) { return unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }

// closeSocket closes what duplicate returned.
func closeSocket(fd int) { _ = unix.Close(fd) }

// again reports that a socket has nothing to read or no room to write now.
func again(err error) bool { return err == unix.EAGAIN }
