package main

import "time"

// pump is publish for a closed loop: as soon as less than so many deliveries are
// under way, the next publish is due. It measures what a gateway can do, and no
// latency that anybody should quote: a gateway that stalls is asked less.
//
// One loop must have all connections: what is under way is known from its own tally.
func (l *Loop) pump() (pause time.Duration) {
	for range maxBurst {
		l.now = l.course.Elapsed()
		if l.now >= l.course.End() {
			l.done.Store(true)
			return maxPause
		}
		if l.owed >= l.tally.Delivered+l.outstanding {
			return maxPause // a delivery ends it
		}
		l.take(l.now, true)
	}
	return 0
}
