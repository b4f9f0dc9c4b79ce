package reactor

// flush writes what was queued: once to each connection that was sent to.
func (w *Worker) flush() {
	for left := w.dirty; len(left) > 0; {
		next := left[:min(len(left), ahead)]
		w.shut(next)
		for i, c := range next {
			if len(c.out) > 0 {
				c.writeOut()
			}
			c.settle()
			c.dirty = false
			next[i] = nil
		}
		left = left[len(next):]
	}
	w.dirty = w.dirty[:0]
}

// ahead is how many connections are looked at before the first of them is written to.
// Each write runs so much of the kernel that nothing of the next connection is left in
// the cache; the processor waits for several of them at once in hardly more time than
// for one.
const ahead = 16

// shut forgets what waits for sockets that are closed. One that is not stays open until
// it is written to: only the loop closes sockets, and a write closes none but its own.
func (w *Worker) shut(next []*Conn) {
	for _, c := range next {
		if shut, _ := c.nc.IsClosed(); shut {
			c.discard()
		}
	}
}

// settle looks at what a flush has left: an empty list is given back, since an idle
// connection has none; a client that is below its budget again has its reserve
// back, and below half of it is Drained.
func (c *Conn) settle() {
	w := c.worker
	if len(c.out) == 0 && c.out != nil {
		w.returned(c.out)
		c.out = nil
	}
	waits := c.waiting()
	if waits <= w.config.SendBuffer {
		c.beyond = 0
	}
	if c.refused && waits <= w.config.SendBuffer/2 {
		c.refused = false
		w.drained = append(w.drained, c)
	}
	if c.pending() == 0 && c.state == lingering {
		c.shutdownWrite()
	}
}

// flush writes what is queued, if the socket is not closed.
func (c *Conn) flush() {
	if shut, _ := c.nc.IsClosed(); shut {
		c.discard()
		return
	}
	c.writeOut()
}

// writeOut writes what is queued until the socket takes no more. What it does not
// take stays in the list, by reference: nbio, which copies what it is given, gets
// no more than it needs to watch the socket, and until that is written nothing
// else is tried.
func (c *Conn) writeOut() {
	done, sent := 0, 0
	for done < len(c.out) && c.copied == 0 {
		b, frames := c.worker.join(c.out[done:])
		n := c.write(b)
		c.queued -= n
		for ; frames > 0 && n >= len(c.out[done].encoded); frames-- {
			n -= len(c.out[done].encoded)
			sent += 1 + int(c.out[done].more)
			done++
		}
		if n > 0 {
			c.out[done].encoded = c.out[done].encoded[n:] // the list's own; the frame's bytes are shared
		}
	}
	if done > 0 {
		c.worker.counts.sentFrames.Add(sent)
		left := copy(c.out, c.out[done:])
		clear(c.out[left:])
		c.out = c.out[:left]
	}
}

// discard forgets what waits for a socket that is closed.
func (c *Conn) discard() {
	c.queued = 0
	clear(c.out)
	c.out = c.out[:0]
}

// join returns the bytes of one write, and of how many frames they are: a single
// frame as it is, so that a message to a thousand members is copied for none of
// them; several joined, since the cost of a write is the system call. What the
// call copies into the kernel is the cache's; writev measured no better, and
// nbio.Conn.Writev loses what the kernel does not take.
func (w *Worker) join(out []Frame) (b []byte, frames int) {
	size := len(out[0].encoded)
	for frames = 1; frames < len(out) && size+len(out[frames].encoded) <= chunk; frames++ {
		size += len(out[frames].encoded)
	}
	if frames == 1 {
		return out[0].encoded, 1
	}
	w.scratch = w.scratch[:0]
	for _, f := range out[:frames] {
		w.scratch = append(w.scratch, f.encoded...)
	}
	return w.scratch, frames
}

// list returns an empty list for a connection's frames. Connections have one only
// while they are sent to, so that an idle one has none.
func (w *Worker) list() []Frame {
	n := len(w.spare) - 1
	if n < 0 {
		return nil
	}
	l := w.spare[n]
	w.spare[n] = nil
	w.spare = w.spare[:n]
	w.unused = min(w.unused, n)
	return l
}

// longList is the length from which a list is not kept: a slow reader's.
const longList = 1024

// returned takes a list back.
func (w *Worker) returned(l []Frame) {
	if cap(l) <= longList {
		w.spare = append(w.spare, l)
	}
}

// trim lets go of the lists that nobody needed since the last beat, so that one
// message to a large group does not cost its memory for ever.
func (w *Worker) trim() {
	n := len(w.spare) - w.unused
	clear(w.spare[n:])
	w.spare = w.spare[:n]
	w.unused = n
}
