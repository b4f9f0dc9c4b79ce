package main

import (
	"fmt"
	"slices"
)

// maxLeftover bounds what a bare server keeps for a client that does not read. The
// load of bench limit is a closed loop and stays far below it; whoever does not is
// closed.
const maxLeftover = 64 << 20

// peer is one client of a Relay, owned by its loop.
type peer struct {
	Socket
	greeted bool // the hello is done, what comes now are parcels
	groups  []uint32
	pending [][]byte // of this turn, parts of Relay.turn
}

// put writes b now, or after what the socket has not taken yet. Nothing is lost: a
// client for which too much waits is an error.
func (p *peer) put(b []byte) error {
	taken, err := p.writeWithin(maxLeftover, b)
	if err == nil && !taken {
		return fmt.Errorf("a client leaves more than %d bytes unread", maxLeftover)
	}
	return err
}

// putPending makes one write of all that is pending, joined in scratch, which it
// returns for the next peer. A single message is written from where it is, as
// anybody would.
func (p *peer) putPending(scratch []byte) ([]byte, error) {
	b := p.pending[0]
	if len(p.pending) > 1 {
		scratch = scratch[:0]
		for _, m := range p.pending {
			scratch = append(scratch, m...)
		}
		b = scratch
	}
	clear(p.pending)
	p.pending = p.pending[:0]
	return scratch, p.put(b)
}

// greet makes the client a member of its groups.
func (r *Relay) greet(p *peer, groups []uint32) error {
	p.greeted, p.groups = true, groups
	for _, g := range groups {
		r.members[g] = append(r.members[g], p)
	}
	return p.put([]byte{helloAck})
}

// drop closes a client and takes it out of its groups. What is pending for it goes
// with it.
func (r *Relay) drop(p *peer) {
	if p.fd < 0 {
		return
	}
	r.peers[p.fd] = nil
	p.close()
	for _, g := range p.groups {
		members := r.members[g]
		// In order, so that every turn writes to the members in the same order.
		if i := slices.Index(members, p); i >= 0 {
			members = slices.Delete(members, i, i+1)
		}
		if r.members[g] = members; len(members) == 0 {
			delete(r.members, g)
		}
	}
}
