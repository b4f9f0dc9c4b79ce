package main

import (
	"fmt"
	"time"
)

// saturate publishes as long as fewer than window messages are under way, for so
// long. What is under way then stays so.
func (c *Circuit) saturate(window int, d time.Duration) error {
	limit := window * c.shape.Fanout()
	return c.drive(d, func() time.Duration {
		for c.owed+c.shape.Fanout() <= limit && c.publish(0) {
			// As many as fit: they share a write.
		}
		return maxPause
	})
}

// pace publishes so many messages a second for so long, each when it is due and
// whatever the server does, and counts latency from then.
func (c *Circuit) pace(rate float64, d time.Duration) error {
	start := c.elapsed()
	pacer, turn := Pacer{Rate: rate, Shares: 1}, uint64(0)
	return c.drive(d, func() time.Duration {
		for range maxBurst {
			due, now := start+pacer.Due(turn), c.elapsed()
			if due > now {
				return min(due-now, maxPause)
			}
			if !c.publish(due) {
				return maxPause
			}
			turn++
		}
		return 0
	})
}

// ask publishes with acks, as long as fewer than window publishes of each connection
// are unanswered, for so long.
func (c *Circuit) ask(window int, d time.Duration) error {
	limit := uint64(window)
	return c.drive(d, func() time.Duration {
		for {
			p := c.publishers[int(c.turns%uint64(c.shape.Groups))%len(c.publishers)]
			if p.tickets-p.answers >= limit || !c.publish(0) {
				return maxPause
			}
		}
	})
}

// settle waits until all that is under way has arrived, acks too if there are any.
func (c *Circuit) settle(acks bool) error {
	return c.drive(-1, func() time.Duration {
		waiting := c.owed > 0
		for _, p := range c.publishers {
			waiting = waiting || acks && p.answers < p.tickets
		}
		if !waiting {
			return -1
		}
		return maxPause
	})
}

// drive calls plan and serves the sockets in turn until the time is over; a negative
// time has no end. plan says what to send and how long there is nothing to do; a
// negative answer ends it. It fails if nothing has come for long and something is due.
func (c *Circuit) drive(d time.Duration, plan func() time.Duration) error {
	end := c.elapsed() + d
	heard, since := c.delivered+c.acked, c.elapsed()
	for {
		now := c.elapsed()
		if d >= 0 && now >= end {
			return c.send()
		}
		pause := plan()
		if pause < 0 {
			return nil
		}
		if err := c.turn(pause); err != nil {
			return c.wrap(err)
		}
		switch sum := c.delivered + c.acked; {
		case sum != heard:
			heard, since = sum, now
		case now-since > c.patience:
			return c.wrap(fmt.Errorf("lost: nothing has come for %v, and %d deliveries are due", c.patience, c.owed))
		}
	}
}

// wrap says whose error it is.
func (c *Circuit) wrap(err error) error {
	return fmt.Errorf("%s, %s, %d bytes: %w", c.subject.Name, c.shape.Name, c.size, err)
}
