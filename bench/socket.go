package main

import (
	"fmt"
	"io"
	"net"
)

// maxPending bounds what a connection's socket has not taken yet. A server that
// stops reading for so long does not hold the rate, and the publish is not sent.
const maxPending = 256 << 10

// Socket is a non-blocking socket that Go's own poller does not know, with what is
// unfinished in both directions. It belongs to one loop.
type Socket struct {
	fd  int    // -1 once closed
	in  []byte // the start of a frame whose rest has not come yet
	out []byte // what the socket did not take yet
}

// adopt takes the socket out of Go's poller: closing conn afterwards closes only
// the descriptor that Go knows.
func (s *Socket) adopt(conn net.Conn) error {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return fmt.Errorf("want a TCP connection, have %T", conn)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var dup error
	if err := raw.Control(func(fd uintptr) { s.fd, dup = duplicate(fd) }); err != nil {
		return err
	}
	return remedy(dup)
}

// receive reads what is there into buf, behind what was unfinished, and returns how
// much of buf is filled. An end of the stream is an error, like any other; again
// tells the one that is none.
func (s *Socket) receive(buf []byte) (have int, err error) {
	have = copy(buf, s.in)
	n, err := readSocket(s.fd, buf[have:])
	if err == nil && n == 0 {
		err = io.ErrUnexpectedEOF
	}
	return have + n, err
}

// write sends b, or keeps what the socket does not take; it never waits, which is
// why the harness cannot deadlock with a server that waits for it to read. False if
// nothing of b was taken because too much is pending already.
func (s *Socket) write(b []byte) (taken bool, err error) { return s.writeWithin(maxPending, b) }

// writeWithin is write with a bound of the caller's on what may be pending.
func (s *Socket) writeWithin(bound int, b []byte) (taken bool, err error) {
	if len(s.out) > 0 {
		if len(s.out)+len(b) > bound {
			return false, nil
		}
		s.out = append(s.out, b...)
		return true, nil
	}
	n, err := writeSocket(s.fd, b)
	if err != nil && !again(err) {
		return false, err
	}
	s.out = append(s.out, b[n:]...)
	return true, nil
}

// flush goes on with what write kept.
func (s *Socket) flush() error {
	n, err := writeSocket(s.fd, s.out)
	if err != nil && !again(err) {
		return err
	}
	if s.out = append(s.out[:0], s.out[n:]...); len(s.out) == 0 {
		s.out = nil // a server that stalled once would cost this for ever
	}
	return nil
}

// close closes the socket, once.
func (s *Socket) close() {
	if s.fd >= 0 {
		closeSocket(s.fd)
		s.fd = -1
	}
}
