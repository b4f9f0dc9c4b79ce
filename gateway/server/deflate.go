package server

import (
	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
)

// variant is one form of a message on the wire: a dialect, compressed or not.
type variant uint8

const (
	jsonPlain variant = iota
	jsonDeflated
	simplePlain
	simpleDeflated
	numbered // of a reliable client: each gets other bytes, so they are not compressed
	variants = iota
)

// deflated is the variant's compressed sister.
func (v variant) deflated() variant { return v + 1 }

func (v variant) plain() bool { return v == jsonPlain || v == simplePlain }

func (v variant) simple() bool { return v == simplePlain || v == simpleDeflated }

// variant is how messages reach the session's client. Sessions of the echo dialect are
// in no group.
func (s *session) variant() variant {
	if s.reliable != nil {
		return numbered
	}
	v := jsonPlain
	if s.dialect == simpleDialect {
		v = simplePlain
	}
	if s.deflate {
		v = v.deflated()
	}
	return v
}

// negotiation answers the offers of permessage-deflate in one handshake, the first that
// fits. Neither side keeps a context, so the same bytes fit every client that agreed; a
// smaller window for us (server_max_window_bits) is declined, since Go's compressor has
// one size. An offer that is malformed is declined, as RFC 7692 section 5 wants, and
// the client goes on without.
type negotiation struct{ extension wsflate.Extension }

func newNegotiation() *negotiation {
	return &negotiation{wsflate.Extension{Parameters: wsflate.Parameters{ServerNoContextTakeover: true, ClientNoContextTakeover: true}}}
}

// answer is what ws.HTTPUpgrader asks for each extension that is offered.
func (n *negotiation) answer(offer httphead.Option) (httphead.Option, error) {
	if !wellFormed(offer) {
		return httphead.Option{}, nil
	}
	accepted, err := n.extension.Negotiate(offer)
	if err != nil {
		return httphead.Option{}, nil
	}
	return accepted, nil
}

// wellFormed reports whether each of an offer's parameters stands once, and no number
// begins with a zero (RFC 7692 section 7.1): what wsflate does not look at, or not always.
func wellFormed(offer httphead.Option) bool {
	ok, seen := true, make(map[string]bool, 4)
	offer.Parameters.ForEach(func(name, value []byte) bool {
		ok = !seen[string(name)] && (len(value) == 0 || value[0] != '0')
		seen[string(name)] = true
		return ok
	})
	return ok
}

// agreed reports whether an offer was accepted.
func (n *negotiation) agreed() bool {
	_, ok := n.extension.Accepted()
	return ok
}
