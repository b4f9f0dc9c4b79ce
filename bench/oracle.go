package main

import (
	"fmt"
	"time"
)

// Findings is what a judge found in a chronicle. Deliveries are counted by member:
// one message to ten members is ten.
type Findings struct {
	Acked      int `json:"acked"`
	Refused    int `json:"refused"`
	Unanswered int `json:"unanswered"` // the outcome is not known to the speaker

	Delivered  int `json:"delivered"`
	Lost       int `json:"lost"`      // owed, did not come, and nobody said so
	Tails      int `json:"tails"`     // those of them that are missing at a member's end
	Announced  int `json:"announced"` // did not come, and the member was told
	Duplicated int `json:"duplicated"`
	Again      int `json:"again"` // came a second time after a notice that the group goes on from before them
	Reordered  int `json:"reordered"`
	Stray      int `json:"stray"`  // messages that nobody said, or to a group that the member is not in
	Denied     int `json:"denied"` // the speaker was told that they were not taken, and they came
	Moved      int `json:"moved"`  // seen at two places
	Gone       int `json:"gone"`   // acked and not in the stream, which nothing was taken from

	Resumes   int `json:"resumes"`   // joins with since
	Recovered int `json:"recovered"` // those of them that missed nothing
	Notices   int `json:"notices"`   // announcements that messages were lost
	Needless  int `json:"needless"`  // those of them that came although the stream had lost nothing

	Silence time.Duration `json:"silence_ns"`  // the longest, of a group at a member that stayed
	Recover time.Duration `json:"recovery_ns"` // from the fault's end until all who stayed had newer messages
	Broken  []string      `json:"broken"`      // the first of each kind, in words

	// Evidence is all that the first member of whom something was broken saw of the
	// group, an event a line.
	Evidence []string `json:"evidence,omitempty"`
}

// brokenLimit bounds Broken, by what is wrong: what is wrong once is wrong a thousand
// times.
const brokenLimit = 3

// Passed reports whether every promise was kept.
func (f *Findings) Passed() bool {
	return f.Lost+f.Duplicated+f.Reordered+f.Stray+f.Denied+f.Moved+f.Gone+f.Needless+len(f.Broken) == 0
}

// note keeps an example of what is wrong for the n-th time, and of the first of all
// what there is.
func (m *membership) note(n int, format string, args ...any) {
	f := m.findings
	if n <= brokenLimit {
		f.Broken = append(f.Broken, fmt.Sprintf("member %d, group %d: ", m.id, m.group)+fmt.Sprintf(format, args...))
	}
	if len(f.Evidence) > 0 {
		return
	}
	for _, e := range m.history.Events {
		if e.Group == m.group {
			f.Evidence = append(f.Evidence, e.String())
		}
	}
}

// Judge compares what every member saw with what is true.
func (c *Chronicle) Judge() *Findings {
	f := &Findings{Broken: []string{}}
	for g := range c.Groups {
		t := c.truthsOf(g)
		f.Denied += t.denied
		f.Moved += t.moved
		f.Gone += t.gone
		f.utterances(c.Spoken[g])
		for id := range c.Members {
			m := membership{id: id, group: g, forks: c.Rewinds, history: &c.Members[id], truths: t, findings: f}
			m.read()
			f.timing(c, &c.Members[id], g)
		}
	}
	if c.Whole {
		f.Needless = f.Notices
	}
	f.sums()
	return f
}

// sums notes what is not found at one member.
func (f *Findings) sums() {
	for _, s := range []struct {
		n    int
		what string
	}{
		{f.Denied, "message was refused, and came all the same"},
		{f.Moved, "message was seen at two places of its stream"},
		{f.Gone, "message was acked, and is not in a stream that lost nothing"},
		{f.Needless, "notice of a loss came although the stream had lost nothing"},
	} {
		if s.n > 0 {
			f.Broken = append(f.Broken, fmt.Sprintf("%d times: a %s", s.n, s.what))
		}
	}
}

// utterances counts what became of what was said.
func (f *Findings) utterances(said []Utterance) {
	for _, u := range said {
		switch u.Fate {
		case fateAcked:
			f.Acked++
		case fateRefused:
			f.Refused++
		default:
			f.Unanswered++
		}
	}
}

// stretch is a part of a member's time in a group in which it was not told of any
// loss: it is owed all that stands after from up to to.
type stretch struct {
	from, to Place
	back     bool          // it began before the end of the last: the stream was set back
	last     time.Duration // when the newest that it saw of it was surely in the stream
	notice   time.Duration // when it was told of a loss, which ended the stretch; 0: it was not
}

// membership is the way of one member through one group, event by event.
type membership struct {
	id, group int
	forks     bool // the stream may be two for a while
	history   *History
	truths    *truths
	findings  *Findings

	// Since it joined without since. From there on it is owed each message once.
	in    bool // it is a member now
	came  time.Duration
	chain []stretch
	heard map[Said]bool
	last  map[int]uint64 // by speaker, the highest number heard, plus one
}

// read goes through the events.
func (m *membership) read() {
	for _, e := range m.history.Events {
		if e.Group == m.group {
			m.event(e)
		}
	}
	m.finish(m.history.Home)
}

// event takes one of them.
func (m *membership) event(e Event) {
	f := m.findings
	switch e.Kind {
	case sawJoin:
		m.finish(false)
		m.came, m.heard, m.last = e.At, map[Said]bool{}, map[int]uint64{}
		m.chain = []stretch{{from: e.Place, to: e.Place}}
		m.in = true
	case sawResume:
		f.Resumes++
		f.Recovered++
		m.in = true
	case sawMissed:
		f.Resumes++
		m.in = true
		m.announce(e)
	case sawGap:
		m.announce(e)
	case sawMessage:
		m.message(e)
	case sawPart:
		m.in = false
	}
}

// announce ends a stretch: what did not come is not lost silently.
func (m *membership) announce(e Event) {
	m.findings.Notices++
	if len(m.chain) == 0 {
		return // told at its first join, which owes nothing yet
	}
	s := &m.chain[len(m.chain)-1]
	s.notice = e.At
	back := s.back || e.Place.compare(s.to) < 0
	if back {
		m.last = map[int]uint64{} // a speaker's next may stand before what came of the other history
	}
	m.chain = append(m.chain, stretch{from: e.Place, to: e.Place, back: back})
}

// message checks one message against those before it.
func (m *membership) message(e Event) {
	f := m.findings
	if m.truths.known[e.Said] == nil || !m.in {
		f.Stray++
		m.note(f.Stray, "message %v at %v, which nobody said, or where the member is not", e.Said, e.Place)
		return
	}
	s := &m.chain[len(m.chain)-1]
	if m.heard[e.Said] && s.back && e.Place.compare(s.to) > 0 {
		f.Again++
		s.to = e.Place
		return
	}
	if m.heard[e.Said] {
		f.Duplicated++
		m.note(f.Duplicated, "message %v at %v came twice, the second time %v after the start", e.Said, e.Place, e.At)
		return
	}
	m.heard[e.Said] = true
	f.Delivered++
	s.last = max(s.last, m.truths.settled(e))
	if e.Place.compare(s.to) <= 0 || e.Said.Seq < m.last[e.Said.Speaker] {
		f.Reordered++
		m.note(f.Reordered, "message %v at %v came after %v, %v after the start", e.Said, e.Place, s.to, e.At)
	}
	m.last[e.Said.Speaker] = max(m.last[e.Said.Speaker], e.Said.Seq+1)
	if e.Place.compare(s.to) > 0 {
		s.to = e.Place
	}
}

// finish settles what the member was owed since it came. At home it is owed the
// tail as well.
func (m *membership) finish(home bool) {
	if len(m.chain) == 0 {
		return
	}
	tail := m.chain[len(m.chain)-1].to
	if home {
		m.chain[len(m.chain)-1].to = endOfStream
	}
	lost := map[Said]bool{}
	for _, s := range m.chain {
		first, after := m.truths.between(s.from, s.to)
		for _, t := range m.truths.list[first:max(first, after)] {
			if m.owed(t, s) && !lost[t.Said] {
				lost[t.Said] = true
				m.loss(t, t.Place.compare(tail) > 0)
			}
		}
	}
	if told := m.told(); told > 0 {
		for _, t := range m.truths.list {
			if !m.heard[t.Said] && !lost[t.Said] && t.Sent >= m.came && t.Sent <= told {
				m.findings.Announced++
			}
		}
	}
	m.chain, m.in = nil, false
}

// told is when the member was told of a loss last; 0: never.
func (m *membership) told() (at time.Duration) {
	for _, s := range m.chain {
		at = max(at, s.notice)
	}
	return at
}

// noticeDelay is how much later than a message a notice may come that stands for it,
// where the stream was forked: the nodes have to find out first.
const noticeDelay = 5 * time.Second

// owed reports whether the member had a right to a message that stands in a stretch.
// What its stream lost it is owed a notice of, whenever that came: who reads on
// cannot know of it before somebody else does. What the stream had lost before the
// member came is nothing to it. And what was said when all that it saw of the stretch
// was in the stream stands behind that, whatever the ids say, which may have gone
// back: it is owed to who was there to the end.
func (m *membership) owed(t truth, s stretch) bool {
	switch {
	case m.heard[t.Said]:
		return false
	case !t.Kept:
		return m.told() < t.Sent && (t.Answered == 0 || t.Answered > m.came)
	case m.forks && s.notice >= t.Sent && s.notice-t.Sent < noticeDelay:
		// Two servers took writes at the same time, and one history was put behind the
		// other: who had read on before that is told when it is found.
		return false
	}
	return t.Sent <= s.last || s.to == endOfStream
}

// loss counts a message that did not come.
func (m *membership) loss(t truth, tail bool) {
	f := m.findings
	f.Lost++
	where := "before others that came"
	if tail {
		f.Tails++
		where = "at its end"
	}
	m.note(f.Lost, "message %v at %v (said %v after the start, kept %t) is missing %s and nobody said so", t.Said, t.Place, t.Sent, t.Kept, where)
}

// timing measures a member that stayed.
func (f *Findings) timing(c *Chronicle, h *History, group int) {
	if !h.Steady {
		return
	}
	var last, fresh time.Duration
	for _, e := range h.Events {
		if e.Group != group || e.Kind != sawMessage {
			continue
		}
		if last > 0 && (c.Settled == 0 || e.At <= c.Settled) {
			f.Silence = max(f.Silence, e.At-last)
		}
		last = e.At
		if fresh == 0 && e.Sent >= c.Cured {
			fresh = e.At
			f.Recover = max(f.Recover, e.At-c.Cured)
		}
	}
}
