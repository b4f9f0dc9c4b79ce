package main

import "time"

// Absence is some connections of one loop that do not read for a while, though
// they stay open: pages in a frozen tab, phones in a tunnel. Owned by the loop.
type Absence struct {
	// Static.
	from, to time.Duration
	away     map[*Conn]bool

	behind []*Conn // came back and have not read their socket empty yet
	over   bool
}

// Holds reports whether a connection is away at this time: its events are to be
// ignored. Safe on nil, which nobody is away from.
func (a *Absence) Holds(c *Conn, now time.Duration) bool {
	return a != nil && !a.over && now >= a.from && a.away[c]
}

// Return reads on where connections were away, a read each and turn, so that the
// others need not wait until one has caught up. True if more is to be read: the
// loop should not sleep. What the poller told meanwhile is not told again, so each
// is read until it is empty.
func (a *Absence) Return(l *Loop) (busy bool) {
	if a == nil || l.now < a.to {
		return false
	}
	if !a.over {
		a.over = true
		for c := range a.away {
			a.behind = append(a.behind, c)
		}
	}
	still := a.behind[:0]
	for _, c := range a.behind {
		// As if its end had been told, since it may have been: then it is read to it.
		if c.fd >= 0 && l.read(c, true) {
			still = append(still, c)
		}
	}
	a.behind = still
	return len(still) > 0
}
