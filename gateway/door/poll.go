package door

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller waits for many sockets with one goroutine, which sleeps while none of them has
// anything new. add and remove may be called on any goroutine, wait on one.
type poller struct {
	file   *os.File // the epoll descriptor, for which Go's own waits
	raw    syscall.RawConn
	fd     int
	events [64]unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &poller{file: os.NewFile(uintptr(fd), "door"), fd: fd}
	if err = p.file.SetReadDeadline(time.Time{}); err == nil { // it fails if Go's own cannot wait for it
		p.raw, err = p.file.SyscallConn()
	}
	if err != nil {
		_ = p.file.Close()
		return nil, err
	}
	return p, nil
}

// add has wait return a socket each time that something has come, from now or before.
func (p *poller) add(fd int) error {
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &e))
}

// remove ends that. It comes before the socket is closed or given away, since others may
// have it open under another number.
func (p *poller) remove(fd int) { _ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) }

// wait returns some sockets that have something new. They are valid until the next call.
// It fails when the poller was closed.
func (p *poller) wait() ([]unix.EpollEvent, error) {
	var n int
	var failed error
	err := p.raw.Read(func(fd uintptr) bool {
		n, failed = unix.EpollWait(int(fd), p.events[:], 0)
		return n > 0 || failed != nil && !errors.Is(failed, unix.EINTR)
	})
	if err == nil {
		err = failed
	}
	return p.events[:max(n, 0)], err
}

func (p *poller) close() { _ = p.file.Close() }
