package reactor

import (
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// reader turns a client's bytes, however they were cut, into events. It is pure:
// no socket, no clock, nothing called. Between frames it is a nil pointer, so an
// idle connection has no buffer.
type reader struct {
	rest     *unfinished
	deflates bool // permessage-deflate was agreed on; static
}

// unfinished is what is known of a message or frame that has begun and not
// ended. Its buffers grow with the bytes that arrive, never with what a header
// promises alone, and go with it.
type unfinished struct {
	head   [ws.MaxHeaderSize]byte // the start of a header
	headed int                    // how much of it there is

	header  ws.Header // of the frame that has begun, if framed
	framed  bool
	got     int64  // how much of its payload has come
	control []byte // its payload, if it is a control frame

	open      bool      // a message has begun; control frames may come between its fragments
	op        ws.OpCode // text or binary
	deflated  bool      // its payload is compressed
	message   []byte    // its payload so far, unmasked
	checked   int       // how much of it is known to be whole runes
	fragments int

	aside *aside // the message before, which is not inflated yet; nothing has begun behind it
}

// event is one thing that a client said. The payload is part of the input, or a
// buffer that nobody else has any more.
type event struct {
	op      ws.OpCode // OpContinuation: nothing yet, more input is needed
	payload []byte

	deflated bool // the payload is compressed, and text not yet checked
	weight   int  // of the frames that have begun since the event before: their bytes, at least leastFrame each
}

// nothing is the event that is none.
var nothing event

// next takes the next event from the front of data and returns what follows it.
// The payload is unmasked in place, so data is written to. After a fault nothing
// more may be read.
func (r *reader) next(data []byte, limit *Config) (e event, rest []byte, bad *fault) {
	weight := 0
	for {
		if r.rest != nil && r.rest.framed {
			e, data, bad = r.resume(data)
		} else {
			h, after, whole, broken := r.header(data, limit)
			if broken != nil || !whole {
				return event{weight: weight}, nil, broken
			}
			weight += max(int(h.Length), leastFrame)
			e, data, bad = r.begin(h, after)
		}
		if bad != nil || e.op != ws.OpContinuation || len(data) == 0 {
			e.weight = weight
			return e, data, bad
		}
	}
}

// header takes the next frame's header, of which a part may have come before.
func (r *reader) header(data []byte, limit *Config) (h ws.Header, rest []byte, whole bool, bad *fault) {
	u := r.rest
	had, from := 0, data
	if u != nil && u.headed > 0 {
		had = u.headed
		from = u.head[:had+copy(u.head[had:], data)]
	}
	h, size, bad := decodeHeader(from)
	switch {
	case bad != nil:
		return h, nil, false, bad
	case size == 0 && len(data) > 0:
		u = r.keep()
		u.headed += copy(u.head[u.headed:], data)
		return h, nil, false, nil
	case size == 0:
		return h, nil, false, nil
	}
	if had > 0 {
		u.headed = 0
	}
	return h, data[size-had:], true, r.check(h, limit)
}

// check holds a header against the protocol and the limits. Both are decided
// here, before a byte of the payload has come.
func (r *reader) check(h ws.Header, limit *Config) *fault {
	state, size, fragments := ws.StateServerSide, int64(0), 0
	if u := r.rest; u != nil && u.open {
		state = state.Set(ws.StateFragmented)
		size, fragments = int64(len(u.message)), u.fragments
	}
	if r.compressed(h) {
		h.Rsv = 0 // the only one that may be set; what else is wrong is found
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return &fault{ws.StatusProtocolError, err.Error(), ProtocolError}
	}
	switch {
	case h.OpCode.IsControl():
		return nil
	case h.Length > int64(limit.MessageBytes)-size:
		return faultTooBig
	case fragments+1 > limit.Fragments:
		return faultFragmented
	}
	return nil
}

// begin takes a frame whose header is checked. The common case, the whole frame
// is there and is the whole message, copies nothing.
func (r *reader) begin(h ws.Header, data []byte) (event, []byte, *fault) {
	if int64(len(data)) < h.Length || h.OpCode.IsData() && (!h.Fin || h.OpCode == ws.OpContinuation) {
		u := r.keep()
		u.header, u.framed, u.got = h, true, 0
		if h.OpCode.IsData() {
			u.fragments++
			if !u.open {
				u.open, u.op, u.deflated = true, h.OpCode, h.Rsv != 0
			}
		}
		return r.resume(data)
	}
	if r.rest != nil && !r.rest.open {
		r.rest = nil // it held the start of this header
	}
	payload, rest := data[:h.Length:h.Length], data[h.Length:]
	ws.Cipher(payload, h.Mask, 0)
	deflated := h.Rsv != 0
	if h.OpCode == ws.OpText && !deflated && !utf8.Valid(payload) {
		return nothing, nil, faultUTF8
	}
	return event{op: h.OpCode, payload: payload, deflated: deflated}, rest, nil
}

// resume takes what data has of a frame that has begun.
func (r *reader) resume(data []byte) (event, []byte, *fault) {
	u := r.rest
	n := min(u.header.Length-u.got, int64(len(data)))
	part, rest := data[:n], data[n:]
	ws.Cipher(part, u.header.Mask, int(u.got%4))
	u.got += n
	u.framed = u.got < u.header.Length
	if u.header.OpCode.IsControl() {
		u.control = append(u.control, part...)
		if u.framed {
			return nothing, nil, nil
		}
		e := event{op: u.header.OpCode, payload: u.control}
		u.control = nil
		if !u.open {
			r.rest = nil
		}
		return e, rest, nil
	}
	u.add(part)
	ended := !u.framed && u.header.Fin
	if u.op == ws.OpText && !u.deflated && !u.checkText(ended) {
		return nothing, nil, faultUTF8
	}
	if !ended {
		return nothing, rest, nil
	}
	r.rest = nil
	return event{op: u.op, payload: u.message, deflated: u.deflated}, rest, nil
}

// checkText looks at the text that has come since it last did.
func (u *unfinished) checkText(ended bool) bool {
	complete, ok := validText(u.message[u.checked:])
	u.checked += complete
	return ok && (!ended || u.checked == len(u.message))
}

// keep returns the unfinished state, and makes one if there is none.
func (r *reader) keep() *unfinished {
	if r.rest == nil {
		r.rest = new(unfinished)
	}
	return r.rest
}
