package main

import (
	"fmt"
	"time"
)

// Said names one message within its group: whose it is, and which of his to this group.
type Said struct {
	Speaker int
	Seq     uint64
}

// fate is what a speaker knows of what it said.
type fate uint8

// The fates.
const (
	fateOpen    fate = iota // the connection ended before the ack, or the answer was "unknown"
	fateAcked               // it is in the stream
	fateRefused             // it is not in the stream
)

// Utterance is one message as its speaker saw it.
type Utterance struct {
	Said
	Fate     fate
	Place    Place         // of the ack
	Sent     time.Duration // since the trial's start, as all times here
	Answered time.Duration
}

// kind is what a member saw.
type kind uint8

// What members see, of one group.
const (
	sawJoin    kind = iota // an ack of a joinGroup without since: it follows from Place on
	sawResume              // one with since, and recovered: it goes on from where it was
	sawMissed              // one with since, and not recovered: it goes on from Place
	sawGap                 // it was told that messages were lost, and goes on from Place
	sawMessage             // a message
	sawPart                // it left the group, or its connection ended
)

// Event is one thing that a member saw.
type Event struct {
	Kind  kind
	Group int
	Said  Said
	Place Place
	At    time.Duration // when it saw it
	Sent  time.Duration // sawMessage: when it was said
}

// String is the event in a line.
func (e Event) String() string {
	name := [...]string{"joined, from", "resumed, from", "not recovered, from", "told of a gap, on from", "message", "parted"}[e.Kind]
	if e.Kind == sawMessage {
		name = fmt.Sprintf("message %d of speaker %d, said %.3f s, at", e.Said.Seq, e.Said.Speaker, e.Sent.Seconds())
	}
	return fmt.Sprintf("%.3f s: %s %v", e.At.Seconds(), name, e.Place)
}

// History is what one member saw, in its order.
type History struct {
	Steady bool // it stays, for silences and recovery to be measured by
	Home   bool // it was in all of its groups when the trial ended, and waited for the rest
	Events []Event
}

// Chronicle is all that is known of a trial once it is over: what a judge needs.
type Chronicle struct {
	Groups  int
	Spoken  [][]Utterance    // by group
	Members []History        // by follower
	Held    []map[Said]Place // by group, what the stream holds at the end; nil: not known
	Whole   bool             // nothing was taken from the stream, not even by trimming
	Rewinds bool             // the fault may take from the stream what was in it
	Cured   time.Duration    // the fault was over
	Settled time.Duration    // the speakers had ended
}
