package main

import "time"

// hear writes down one frame. It is called on the link's goroutine, and has it stand
// still while the follower does not read.
func (f *Follower) hear(n *Notice) {
	if f.stalls {
		f.trial.gate.Wait()
	}
	f.write(n)
	f.acknowledge()
}

// write is hear with the lock.
func (f *Follower) write(n *Notice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.trial.elapsed()
	switch {
	case n.Type == "ack":
		f.answer(n, now)
	case n.Type == "message":
		f.message(n, now)
	case n.Type == "system" && n.Event == "gap":
		f.told(n, now)
	case n.Type == "system" && n.Event == "connected" && f.session != nil:
		f.connected(n, now)
	}
}

// answer takes the ack of a join or a leave. The caller holds the lock.
func (f *Follower) answer(n *Notice, now time.Duration) {
	r, ok := f.pending[n.AckID]
	if !ok {
		f.trial.wrong("member %d: an ack of %d, which is of nothing or the second", f.id, n.AckID)
		return
	}
	delete(f.pending, n.AckID)
	s := f.spots[r.group]
	switch {
	case !n.Success:
		f.trial.refusal(n.Error.Name + ": " + n.Error.Message)
		return
	case r.leave:
		s.in = false
		f.events = append(f.events, Event{Kind: sawPart, Group: r.group, At: now})
		return
	}
	p, ok := readPlace(n.Position)
	if !ok {
		f.trial.wrong("member %d: an ack of joinGroup without a position that is one: %q", f.id, n.Position)
	}
	e := Event{Kind: sawJoin, Group: r.group, Place: p, At: now}
	s.in = true
	switch {
	case r.since && n.Recovered:
		e.Kind = sawResume // it goes on from its own position
	case r.since:
		e.Kind = sawMissed
	}
	if e.Kind != sawResume && len(s.early) == 0 { // the ack may come behind the first messages
		s.since = n.Position
	}
	f.events = append(append(f.events, e), s.early...)
	s.early = nil
}

// message takes a message. The caller holds the lock.
func (f *Follower) message(n *Notice, now time.Duration) {
	g, ok := f.trial.groupOf(n.Group)
	s := f.spots[g]
	p, placed := readPlace(n.Position)
	if !ok || s == nil || !placed {
		f.trial.wrong("member %d: a message of group %q at position %q", f.id, n.Group, n.Position)
		return
	}
	if f.session != nil && f.session.repeats(n.SequenceID, p, s.place, f.trial.fault.kills || f.trial.fault.rewinds) {
		return
	}
	if n.Gap {
		f.note(s, Event{Kind: sawGap, Group: g, Place: p.before(), At: now})
	}
	s.since, s.place = n.Position, p
	m, ours := findPayload(n.Data, payloadMin)
	if !ours {
		return // the fault's own, such as an entry from the future
	}
	if m.Group != g {
		f.trial.wrong("member %d: a message to group %d came as one of group %d", f.id, m.Group, g)
		return
	}
	said := Said{m.Slot, m.Seq}
	s.top[m.Slot] = max(s.top[m.Slot], m.Seq+1)
	f.note(s, Event{Kind: sawMessage, Group: g, Said: said, Place: p, At: now, Sent: m.Due})
}

// note keeps an event of a group. What comes to a session before the ack of its join
// belongs behind it. The caller holds the lock.
func (f *Follower) note(s *spot, e Event) {
	if f.session != nil && !s.in {
		s.early = append(s.early, e)
		return
	}
	f.events = append(f.events, e)
}

// told takes the notice of a loss. The caller holds the lock.
func (f *Follower) told(n *Notice, now time.Duration) {
	g, ok := f.trial.groupOf(n.Group)
	p, placed := readPlace(n.Position)
	if !ok || f.spots[g] == nil || !placed {
		f.trial.wrong("member %d: a gap of group %q at position %q", f.id, n.Group, n.Position)
		return
	}
	s := f.spots[g]
	s.since, s.place = n.Position, p
	f.note(s, Event{Kind: sawGap, Group: g, Place: p, At: now})
}

// ended notes that the link is gone, and that nothing it was asked will be answered.
func (f *Follower) ended(why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.trial.elapsed()
	greeted := f.session == nil || f.session.welcomed
	if f.session != nil {
		f.session.ended(len(f.pending) > 0, why)
	}
	clear(f.pending)
	for g, s := range f.spots {
		s.early = nil
		if greeted {
			s.stays = s.in
		}
		if s.in {
			s.in = false
			f.events = append(f.events, Event{Kind: sawPart, Group: g, At: now})
		}
	}
	f.link = nil
	f.closes[why.Error()]++
}

// behind is how many speakers' last acked messages have not come, over all groups.
// The speakers must have ended.
func (f *Follower) behind(speakers []*Speaker) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for g, s := range f.spots {
		for _, sp := range speakers {
			if last, ok := sp.lastAcked(g); ok && s.top[sp.id] <= last {
				n++
			}
		}
	}
	return n
}

// history is what it saw. Called once the trial is over but before the link is
// closed.
func (f *Follower) history() History {
	home := f.settled()
	f.mu.Lock()
	defer f.mu.Unlock()
	return History{Steady: f.steady, Home: home, Events: f.events}
}
