package main

import (
	"context"
	"fmt"
	"net"
	"slices"

	"golang.org/x/sys/unix"
)

// relayRead is the least that a Relay reads at once.
const relayRead = 256 << 10

// Relay is a server with nothing in it: the bytes of a parcel go to each member of
// its group. What it does a second is what the machine allows, and what bench limit
// divides a gateway's figures by. One goroutine, one thread, one epoll loop.
//
// Without join, each message is one write to each member, at once. With join it does
// what the gateway's reactor does: a turn takes everything that is readable, notes
// each message for each member, and ends in one write to each socket.
type Relay struct {
	// Static after newRelay.
	join     bool
	listener int
	poll     *poller

	// Owned by run.
	peers   []*peer            // by descriptor
	members map[uint32][]*peer // by group
	dirty   []*peer            // for whom something is pending
	turn    []byte             // the messages of this turn
	scratch []byte
	buf     []byte
}

// newRelay returns a relay on a listener, whose descriptor it duplicates. The caller
// may close the listener and calls run.
func newRelay(ln *net.TCPListener, join bool) (*Relay, error) {
	r := &Relay{join: join, members: map[uint32][]*peer{}, buf: make([]byte, relayRead+maxParcel)}
	raw, err := ln.SyscallConn()
	if err != nil {
		return nil, err
	}
	var dup error
	if err := raw.Control(func(fd uintptr) { r.listener, dup = duplicate(fd) }); err != nil {
		return nil, err
	}
	if dup != nil {
		return nil, dup
	}
	if r.poll, err = newPoller(); err != nil {
		closeSocket(r.listener)
		return nil, fmt.Errorf("opening a poller: %w", err)
	}
	return r, nil
}

// run serves until ctx ends, and closes everything. To be called once, on a goroutine
// of its own.
func (r *Relay) run(ctx context.Context) error {
	pin()
	defer r.close()
	if err := r.poll.add(r.listener, r.listener); err != nil {
		return fmt.Errorf("watching the listener: %w", err)
	}
	for ctx.Err() == nil {
		ready, err := r.poll.wait(maxPause)
		if err != nil {
			return fmt.Errorf("waiting for sockets: %w", err)
		}
		for _, s := range ready {
			if err := r.serve(s); err != nil {
				return err
			}
		}
		r.flush()
	}
	return nil
}

// serve goes on with one socket.
func (r *Relay) serve(s readiness) error {
	if s.index == r.listener {
		return r.accept()
	}
	p := r.peers[s.index]
	if p == nil {
		return nil // dropped in this turn
	}
	if len(p.out) > 0 {
		if err := p.flush(); err != nil {
			r.drop(p)
		}
	}
	for p.fd >= 0 && r.read(p, s.ending) {
		// The poller says it once, so the socket is read until it is empty.
	}
	return nil
}

// accept takes all connections that wait.
func (r *Relay) accept() error {
	for {
		fd, err := acceptSocket(r.listener)
		switch {
		case err != nil && again(err):
			return nil
		case err == unix.ECONNABORTED || err == unix.EINTR:
			continue // that client is gone, or a signal came: neither says anything of the next
		case err != nil:
			return fmt.Errorf("accepting: %w", remedy(err))
		}
		if grow := fd + 1 - len(r.peers); grow > 0 {
			r.peers = append(r.peers, make([]*peer, grow)...)
		}
		r.peers[fd] = &peer{Socket: Socket{fd: fd}}
		if err := r.poll.add(fd, fd); err != nil {
			return fmt.Errorf("watching a connection: %w", err)
		}
	}
}

// read takes what one socket has and reports whether there may be more.
func (r *Relay) read(p *peer, ending bool) (more bool) {
	have, err := p.receive(r.buf)
	if err != nil {
		if !again(err) {
			r.drop(p)
		}
		return false
	}
	rest, err := r.parcels(p, r.buf[:have])
	if err != nil {
		r.drop(p)
		return false
	}
	p.in = append(p.in[:0], rest...)
	return ending || have == len(r.buf)
}

// parcels does each whole thing in b and returns what is left.
func (r *Relay) parcels(p *peer, b []byte) (rest []byte, err error) {
	if !p.greeted {
		groups, size, err := readHello(b)
		if err != nil || size == 0 {
			return b, err
		}
		if err := r.greet(p, groups); err != nil {
			return nil, err
		}
		b = b[size:]
	}
	for {
		group, bytes, size, err := readParcel(b)
		if err != nil || size == 0 {
			return b, err
		}
		r.publish(group, bytes)
		b = b[size:]
	}
}

// publish sends to each member, or notes it for the end of the turn.
func (r *Relay) publish(group uint32, b []byte) {
	members := r.members[group]
	if !r.join {
		// Backwards, because a client that fails leaves the list.
		for _, p := range slices.Backward(members) {
			if err := p.put(b); err != nil {
				r.drop(p)
			}
		}
		return
	}
	// b lies where the next read goes. If the copy makes turn grow, what was noted
	// before keeps the old array alive.
	start := len(r.turn)
	r.turn = append(r.turn, b...)
	b = r.turn[start:]
	for _, p := range members {
		if len(p.pending) == 0 {
			r.dirty = append(r.dirty, p)
		}
		p.pending = append(p.pending, b)
	}
}

// flush ends the turn.
func (r *Relay) flush() {
	for i, p := range r.dirty {
		if p.fd >= 0 {
			var err error
			if r.scratch, err = p.putPending(r.scratch); err != nil {
				r.drop(p)
			}
		}
		r.dirty[i] = nil
	}
	r.dirty, r.turn = r.dirty[:0], r.turn[:0]
}

// close closes all that is open.
func (r *Relay) close() {
	for _, p := range r.peers {
		if p != nil {
			p.close()
		}
	}
	closeSocket(r.listener)
	r.poll.close()
}
