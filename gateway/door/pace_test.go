package door

import (
	"testing"
	"time"
)

// TestPace: over a minute as many come as the rate says, however often they are looked at,
// and after a pause no more come at once than in a moment.
func TestPace(t *testing.T) {
	f := func(perSecond int, tick time.Duration) {
		t.Helper()
		p := newPace(perSecond)
		start, came := time.Now(), 0
		for at := time.Duration(0); at < time.Minute; at += tick {
			for now := start.Add(at); p.allows(now); came++ {
				p.count(now)
			}
		}
		moment := max(1, perSecond/int(time.Second/slack))
		if want := 60 * perSecond; came < want*99/100 || came > want+moment {
			t.Errorf("%d a second, looked at each %v: %d came in a minute", perSecond, tick, came)
		}
		came = 0
		for now := start.Add(time.Hour); p.allows(now); came++ {
			p.count(now)
		}
		if came != moment {
			t.Errorf("%d a second: %d came at once, want %d", perSecond, came, moment)
		}
	}
	f(1, trickle)
	f(7, trickle)
	f(100, trickle)
	f(1000, trickle)
	f(1000, 9*time.Millisecond)
	f(20_000, trickle)
	unbounded := newPace(0)
	for range 1000 {
		if now := time.Now(); !unbounded.allows(now) {
			t.Fatal("a bound where none is")
		} else {
			unbounded.count(now)
		}
	}
}

// TestAfter: when to come back is as long as the queue takes, within bounds.
func TestAfter(t *testing.T) {
	f := func(perSecond, waiting, want int) {
		t.Helper()
		d := &Door{config: Config{PerSecond: perSecond}}
		for range waiting {
			d.queue.add(new(guest), time.Now())
		}
		if got := d.after(); got != want {
			t.Errorf("%d wait at %d a second: %d s, want %d", waiting, perSecond, got, want)
		}
	}
	f(0, 1000, 2)
	f(100, 10, 2)
	f(100, 1000, 10)
	f(1, 1000, 60)
}
