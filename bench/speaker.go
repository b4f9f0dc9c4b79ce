package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// outcomeUnknown is in the text of an ack that does not know whether the stream has the message; all
// others that say no say that it has not.
const outcomeUnknown = "may have been published"

// Speaker publishes to all groups of a trial at a steady pace, without waiting for
// acks, and keeps what it said and what became of it. It never says anything twice.
type Speaker struct {
	id    int
	trial *Trial
	draw  *rand.Rand // owned by speak's goroutine
	link  *Link      // nil while there is none; owned by speak's goroutine

	mu      sync.Mutex       // guards what follows
	said    [][]Utterance    // by group; the index is the sequence number
	pending map[uint64]place // by ackId
	tickets uint64
}

// place is where an utterance is kept.
type place struct{ group, index int }

// newSpeaker makes speaker id of a trial.
func newSpeaker(t *Trial, id int) *Speaker {
	return &Speaker{id: id, trial: t, draw: t.rand(speakerStream, id), said: make([][]Utterance, t.o.groups), pending: map[uint64]place{}}
}

// speak publishes until the trial's speakers are to end, and then once more to each
// group, so that who hangs is found out.
func (s *Speaker) speak(ctx context.Context) {
	period := time.Duration(float64(time.Second) * float64(s.trial.o.speakers) / s.trial.o.rate)
	due := s.trial.elapsed() + time.Duration(s.draw.Int64N(int64(period)))
	for !s.trial.ended(ctx, s.trial.quiet) {
		if wait := due - s.trial.elapsed(); wait > 0 {
			pause(ctx, wait)
			continue
		}
		// A load that made up for an outage afterwards would be another fault.
		due = max(due+period, s.trial.elapsed()-time.Second)
		s.say(ctx, s.draw.IntN(s.trial.o.groups))
	}
	for g := range s.trial.o.groups {
		s.say(ctx, g)
	}
	_ = until(ctx, linkPatience, "all acks are there", s.answered)
	if s.link != nil {
		s.link.Close(true)
	}
}

// answered is nil once every publish is, or will not be any more.
func (s *Speaker) answered() error {
	if s.gone() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) > 0 {
		return fmt.Errorf("%d are not", len(s.pending))
	}
	return nil
}

// say publishes one message, if there is a gateway to say it to.
func (s *Speaker) say(ctx context.Context, group int) {
	if !s.connected(ctx) {
		return
	}
	s.mu.Lock()
	u := Utterance{Said: Said{s.id, uint64(len(s.said[group]))}, Sent: s.trial.elapsed()}
	s.tickets++
	ticket := s.tickets
	s.pending[ticket] = place{group, len(s.said[group])}
	s.said[group] = append(s.said[group], u)
	s.mu.Unlock()
	text := fmt.Appendf(nil, `{"type":"sendToGroup","group":%q,"dataType":"text","ackId":%d,"data":"`, s.trial.groupName(group), ticket)
	text = appendPayload(text, Payload{group, s.id, u.Seq, u.Sent}, s.trial.o.size)
	if err := s.link.Write(ws.OpText, append(text, `"}`...)); err != nil {
		s.link.Close(false) // part of a frame may be out: nothing can follow it
	}
}

// connected reports whether there is a link, and makes one if there is none.
func (s *Speaker) connected(ctx context.Context) bool {
	if !s.gone() {
		return true
	}
	n := s.trial.pick(s.draw, s.id)
	if n == nil {
		return false
	}
	l, err := openLink(ctx, n.at(s.trial.plan()), s.id, s.hear, s.ended)
	if err != nil {
		pause(ctx, 20*time.Millisecond)
		return false
	}
	s.link = l
	return true
}

// gone reports whether there is no link.
func (s *Speaker) gone() bool {
	if s.link == nil {
		return true
	}
	select {
	case <-s.link.Gone:
		return true
	default:
		return false
	}
}

// hear takes an ack.
func (s *Speaker) hear(n *Notice) {
	if n.Type != "ack" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.pending[n.AckID]
	if !ok {
		s.trial.wrong("speaker %d: an ack of %d, which is of nothing or the second", s.id, n.AckID)
		return
	}
	delete(s.pending, n.AckID)
	u := &s.said[at.group][at.index]
	u.Answered = s.trial.elapsed()
	switch {
	case n.Success:
		u.Fate = fateAcked
		if u.Place, ok = readPlace(n.Position); !ok {
			s.trial.wrong("speaker %d: an ack without a position that is one: %q", s.id, n.Position)
		}
	case !strings.Contains(n.Error.Message, outcomeUnknown):
		u.Fate = fateRefused
	}
	if !n.Success {
		s.trial.refusal(n.Error.Name + ": " + n.Error.Message)
	}
}

// ended forgets what will not be answered any more.
func (s *Speaker) ended(error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.pending)
}

// lastAcked is the number of the last message to a group that was acked, and whether
// there is one.
func (s *Speaker) lastAcked(group int) (seq uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.said[group]) - 1; i >= 0; i-- {
		if s.said[group][i].Fate == fateAcked {
			return uint64(i), true
		}
	}
	return 0, false
}
