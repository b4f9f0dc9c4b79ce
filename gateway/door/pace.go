package door

import "time"

// pace is a rate, kept exactly over any longer time. The zero pace has no bound. Not safe
// for concurrent use.
type pace struct {
	interval time.Duration // between two; 0: no bound
	next     time.Time     // when the next one is due, by the rate alone
}

// slack is the time of which all may come together, since nobody looks at the clock more
// often than each trickle.
const slack = 10 * time.Millisecond

func newPace(perSecond int) pace {
	if perSecond == 0 {
		return pace{}
	}
	return pace{interval: time.Second / time.Duration(perSecond)}
}

// allows reports whether one more may come now.
func (p *pace) allows(now time.Time) bool {
	return p.interval == 0 || p.next.Sub(now) <= max(0, slack-p.interval)
}

// count is told of each that comes.
func (p *pace) count(now time.Time) {
	if p.interval > 0 {
		if now.After(p.next) {
			p.next = now
		}
		p.next = p.next.Add(p.interval)
	}
}
