package main

import "golang.org/x/sys/unix"

// acceptSocket takes the next connection that waits on a listening descriptor, or
// answers what again knows. The socket does not block and sends without Nagle's delay.
func acceptSocket(listener int) (int, error) {
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return -1, err
	}
	return fd, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
}
