package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// connectSocket begins a TCP connection and does not wait for it: the poller says
// when it can be written to, and connectError what came of it. from may be the zero
// address; its port is the kernel's choice.
func connectSocket(from netip.Addr, to netip.AddrPort) (fd int, err error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if from.IsValid() {
		// Without the option the port would be taken at once and from all destinations'
		// share, and 28,000 would be the most that the machine has.
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()})
		}
	}
	if err == nil {
		if err = unix.Connect(fd, sockaddr(to)); err == unix.EINPROGRESS {
			err = nil
		}
	}
	if err != nil {
		closeSocket(fd)
		return -1, err
	}
	return fd, nil
}

// sockaddr is an address as system calls take it.
func sockaddr(to netip.AddrPort) unix.Sockaddr {
	if to.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
}

// connectError is what came of connectSocket, nil if it is connected.
func connectError(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && n != 0 {
		err = unix.Errno(n)
	}
	return err
}

// shrink bounds what the kernel keeps for a connection that is not read, if the plan
// says so. The kernel doubles the number for its own needs.
//
// It must be done before the connection is made. Afterwards the sender has been
// promised more already: what it sends is then dropped instead of held back, and it
// tries again ever more seldom, after half a minute of that only every half minute.
func (p Plan) shrink(d *net.Dialer, id int) *net.Dialer {
	if p.Small == nil || p.Small(id) == 0 {
		return d
	}
	first := d.ControlContext
	d.ControlContext = func(ctx context.Context, network, address string, raw syscall.RawConn) (err error) {
		if first != nil {
			if err := first(ctx, network, address, raw); err != nil {
				return err
			}
		}
		return errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, p.Small(id))
		}), err)
	}
	return d
}
