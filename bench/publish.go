package main

import (
	"strconv"
	"time"

	"github.com/gobwas/ws"
)

// head is the request to publish to a group, up to the digits of its ackId. The
// data are text, so that no server need parse what is in them.
func head(p Plan, group int) []byte {
	if p.Plain() {
		return nil
	}
	return []byte(`{"type":"sendToGroup","group":"` + p.GroupName(group) + `","dataType":"text","ackId":`)
}

// publish sends what is due by now, a burst at most, and returns how long the
// loop may wait for its sockets before the next is.
func (l *Loop) publish() (pause time.Duration) {
	if l.outstanding > 0 {
		return l.pump()
	}
	for range maxBurst {
		// The end is read each time, because a signal moves it.
		due, end := l.pacer.Due(l.turn), l.course.End()
		if due >= end || l.now >= end+overtime {
			l.done.Store(l.now >= end)
			return maxPause
		}
		if due > l.now {
			return min(due-l.now, maxPause)
		}
		l.take(due, true)
		// The next turn may have fallen due while this one was written.
		l.now = l.course.Elapsed()
	}
	return 0
}

// forfeit counts the turns that the schedule had and the loop did not get to.
func (l *Loop) forfeit() {
	for due := l.pacer.Due(l.turn); due < l.course.End(); due = l.pacer.Due(l.turn) {
		l.take(due, false)
	}
}

// take uses the next turn of the schedule: its sender sends, unless it must not or
// cannot any more.
func (l *Loop) take(due time.Duration, send bool) {
	c := l.senders[l.turn%uint64(len(l.senders))]
	turn := l.turn / uint64(len(l.senders))
	// Used, whatever becomes of it: turns that moved up would make up for lost time,
	// and the load would no longer be the one that was asked for.
	l.turn++
	c.turns = turn + 1

	group, slot, seq := l.layout.Target(c.id, turn)
	fresh := Counts{Intended: 1, Owed: uint64(l.layout.Size(group))}
	if send && c.fd >= 0 {
		l.compose(c, Payload{group, slot, seq, due}, turn)
		if l.send(c, l.frame) {
			// Taken after the write: what the kernel makes us wait there is lateness too.
			late := l.course.Elapsed() - due
			fresh.Sent = 1
			if late <= maxLateness {
				fresh.OnSchedule = 1
			}
			if l.course.Measures(due) {
				record(l.window.Lateness, late)
			}
			l.tally.Sent++
			l.owed += fresh.Owed
		}
	}
	l.count(due, fresh)
	if fresh.Sent == 1 && l.plan.Plain() {
		l.acked(c, turn, due) // nobody will say so: on a plain route sent is all there is
	}
}

// compose leaves the frame of one publish in l.frame.
func (l *Loop) compose(c *Conn, p Payload, turn uint64) {
	l.text = append(l.text[:0], l.heads[p.Group]...)
	if !l.plan.Plain() {
		l.text = strconv.AppendUint(l.text, c.firstAck+turn, 10)
		l.text = append(l.text, `,"data":"`...)
	}
	l.text = appendPayload(l.text, p, l.plan.Size)
	if !l.plan.Plain() {
		l.text = append(l.text, `"}`...)
	}
	l.frame = appendFrame(l.frame[:0], ws.OpText, l.text)
}

// count adds to the window, under what was due then.
func (l *Loop) count(due time.Duration, c Counts) {
	l.window.All.add(c)
	if l.course.Measures(due) {
		l.window.Measured.add(c)
	}
}
