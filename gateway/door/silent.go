package door

import (
	"container/list"
	"net"
	"net/netip"
	"time"

	"github.com/tidegate/tidegate/gateway/address"
)

// silent is who has not said yet what it wants. Such a connection costs a socket and
// nothing else. Not safe for concurrent use.
type silent struct {
	poll   *poller
	byFD   map[int]*guest
	all    list.List                 // of guests, the longest first
	client map[netip.Addr]*list.List // those of one client, likewise
}

// guest is a connection that waits.
type guest struct {
	conn     net.Conn
	bottom   net.Conn // the socket below its layers
	fd       int      // of the socket; -1: it cannot be listened to
	source   netip.Addr
	since    time.Time     // from when it waits where it is
	waited   bool          // in the queue, so that it is counted once
	inAll    *list.Element // while it is silent
	inClient *list.Element // likewise
}

// newGuest is a connection that has just come.
func newGuest(c net.Conn) *guest {
	bottom, fd := socket(c)
	return &guest{conn: c, bottom: bottom, fd: fd, source: address.Of(bottom.RemoteAddr())}
}

// close is for who has said nothing that needs an answer: no layer has begun its work.
func (g *guest) close() { _ = g.bottom.Close() }

func newSilent(poll *poller) *silent {
	return &silent{poll: poll, byFD: make(map[int]*guest), client: make(map[netip.Addr]*list.List)}
}

func (s *silent) len() int { return len(s.byFD) }

// add takes somebody in, who waits from now on. It fails when the kernel has no room for
// that.
func (s *silent) add(g *guest, now time.Time) error {
	g.since = now
	if err := s.poll.add(g.fd); err != nil {
		return err
	}
	s.byFD[g.fd] = g
	g.inAll = s.all.PushBack(g)
	own := s.client[g.source]
	if own == nil {
		own = list.New()
		s.client[g.source] = own
	}
	g.inClient = own.PushBack(g)
	return nil
}

// remove takes somebody out. Maps that were large are let go of when nobody is left.
func (s *silent) remove(g *guest) {
	s.poll.remove(g.fd)
	s.all.Remove(g.inAll)
	own := s.client[g.source]
	own.Remove(g.inClient)
	delete(s.byFD, g.fd)
	if own.Len() == 0 {
		delete(s.client, g.source)
	}
	if len(s.byFD) == 0 {
		s.byFD, s.client = make(map[int]*guest), make(map[netip.Addr]*list.List)
	}
}

// longest is who has been silent for the longest, or nil.
func (s *silent) longest() *guest {
	if first := s.all.Front(); first != nil {
		return first.Value.(*guest)
	}
	return nil
}

// rival is who makes room for a newcomer: of its own client's the longest, so that whoever
// comes in masses drives out his own, or else of all. Nil if nobody is silent.
func (s *silent) rival(source netip.Addr) *guest {
	if own := s.client[source]; own != nil {
		return own.Front().Value.(*guest)
	}
	return s.longest()
}
