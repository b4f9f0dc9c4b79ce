package reactor

import "github.com/lesismal/nbio"

// flush ends the loop's turn: one write to each connection that was sent to.
func (w *Worker) flush() {
	for i, c := range w.dirty {
		c.flush()
		w.spare = append(w.spare, c.out)
		c.out, c.dirty = nil, false
		w.dirty[i] = nil
	}
	w.dirty = w.dirty[:0]
}

// flush writes what is queued: a single frame as it is, so that a message to a
// thousand members is copied for none of them; several joined, since the cost of
// a write is the system call. nbio.Conn.Writev would spare the copy, but loses
// what the kernel does not take.
func (c *Conn) flush() {
	w := c.worker
	w.scratch = w.scratch[:0]
	for i, f := range c.out {
		switch last := i == len(c.out)-1; {
		case len(f.encoded) >= chunk, last && len(w.scratch) == 0:
			w.write(c.nc, w.scratch)
			w.write(c.nc, f.encoded)
			w.scratch = w.scratch[:0]
		default:
			w.scratch = append(w.scratch, f.encoded...)
		}
	}
	w.write(c.nc, w.scratch)
	w.counts.sentFrames.Add(len(c.out))
	clear(c.out)
	c.out, c.queued = c.out[:0], 0
}

// write hands b to nbio, which copies what the kernel does not take. There is no
// error to look at: a socket that fails is closed by nbio, and disconnected says so.
func (w *Worker) write(nc *nbio.Conn, b []byte) {
	if len(b) == 0 {
		return
	}
	w.counts.writes.Inc()
	_, _ = nc.Write(b)
}

// written is nbio's word that the kernel took n bytes, from a write of ours or
// when the socket had room again. Called on the loop, which here must not call
// the connection's methods: nbio holds its lock.
func (w *Worker) written(nc *nbio.Conn, _ []byte, n int) {
	c, ok := nc.Session().(*Conn)
	if !ok {
		return
	}
	w.counts.sentBytes.Add(n)
	c.pending -= n
	if c.pending == 0 && c.state == lingering {
		shutdownWrite(nc)
	}
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

// trim lets go of the lists that nobody needed since the last beat, so that one
// message to a large group does not cost its memory for ever.
func (w *Worker) trim() {
	n := len(w.spare) - w.unused
	clear(w.spare[n:])
	w.spare = w.spare[:n]
	w.unused = n
}
