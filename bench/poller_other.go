//go:build !linux

package main

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// errLinux is what every call answers where there is no epoll.
var errLinux = errors.New("the harness reads its sockets with Linux's epoll; run it on Linux, it can load a gateway on any system from there")

type readiness struct {
	index  int
	ending bool
}

type poller struct{ slept time.Duration }

func newPoller() (*poller, error)                           { return nil, errLinux }
func pin()                                                  {}
func starved() time.Duration                                { return 0 }
func (p *poller) add(int, int) error                        { return errLinux }
func (p *poller) wait(time.Duration) ([]readiness, error)   { return nil, errLinux }
func (p *poller) close()                                    {}
func readSocket(int, []byte) (int, error)                   { return 0, errLinux }
func writeSocket(int, []byte) (int, error)                  { return 0, errLinux }
func duplicate(uintptr) (int, error)                        { return 0, errLinux }
func closeSocket(int)                                       {}
func again(error) bool                                      { return false }
func connectSocket(netip.Addr, netip.AddrPort) (int, error) { return -1, errLinux }
func connectError(int) error                                { return errLinux }
func (Plan) shrink(d *net.Dialer, _ int) *net.Dialer        { return d }
