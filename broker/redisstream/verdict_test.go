package redisstream

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/broker"
)

// findings is what the checker finds in the end.
type findings struct {
	acked, heard, stays            int
	holes, doubled, missing        int
	unrecovered, gaps, marks, late int
	again                          int // messages that came again, after a gap that has said so
}

// inTime is how long after a hole a client may be told of it.
const inTime = 10 * time.Second

// verdict judges what every client has heard.
func (c *checker) verdict(missing int) {
	v := findings{missing: missing}
	for _, s := range c.said {
		v.acked += len(s.acked)
	}
	for i, cl := range c.clients {
		if n := len(cl.history); n > 0 && !c.heardAll(cl) {
			c.show(i, cl, n-1, "has not heard the end")
		}
		v.stays += cl.stays
		c.judge(i, cl, &v)
	}
	var putBack, markers, epochs uint64
	for _, s := range c.stations {
		putBack += s.broker.counts.putBack.Get()
		markers += s.broker.counts.markers.Get()
		epochs += s.broker.counts.epochs.Get()
		if n := s.broker.counts.sweepFound.Get(); n > 0 {
			c.t.Logf("the sweep found %d", n)
		}
	}
	c.t.Logf("%d acked, %d heard in %d stays; told: %d not recovered, %d gaps, %d marks, %d of them late, %d messages again; %d put back, %d marks added, %d epochs",
		v.acked, v.heard, v.stays, v.unrecovered, v.gaps, v.marks, v.late, v.again, putBack, markers, epochs)
	if v.holes+v.doubled+v.missing > 0 {
		c.t.Errorf("%d holes that nobody told of, %d messages doubled or out of order, %d missing tails", v.holes, v.doubled, v.missing)
	}
}

// judge goes through what one client has heard.
func (c *checker) judge(i int, cl *client, v *findings) {
	speech := c.said[cl.group]
	last, newest, told := -1, -1, false
	var at broker.Position
	for k, e := range cl.history {
		setBack := e.at.Before(at)
		at = e.at
		if e.message == nil {
			told = true
			switch e.why {
			case "new":
				last, told = speech.upTo(e.at), false
			case "not recovered":
				v.unrecovered++
				last, newest = -1, -1 // it begins anew, with what it has then
			case "gap":
				v.gaps++
				if setBack {
					last = min(last, speech.upTo(e.at)) // what it has had since may be another history's
				}
			default:
				v.marks++
			}
			continue
		}
		v.heard++
		n, _ := strconv.Atoi(string(e.message.Data))
		if n <= last {
			v.doubled++
			c.show(i, cl, k, fmt.Sprintf("%d comes after %d", n, last))
		}
		for missed := last + 1; missed < n && !told; missed++ {
			if _, acked := speech.acked[missed]; !acked {
				continue
			}
			if toldLate(cl.history[k:]) {
				v.late++
			} else {
				v.holes++
				c.show(i, cl, k, fmt.Sprintf("%d is missing", missed))
			}
			break
		}
		if n <= newest && n > last {
			v.again++
		}
		last, newest, told = n, max(newest, n), false
	}
}

// upTo is the newest number before all that stand behind a position.
func (s *speech) upTo(at broker.Position) int {
	first := s.last + 1
	for n, p := range s.acked {
		if n < first && at.Before(p) {
			first = n
		}
	}
	return first - 1
}

// toldLate reports whether a loss is told of soon after the first of the events.
func toldLate(events []event) bool {
	for _, e := range events {
		if e.message == nil && e.when.Sub(events[0].when) < inTime {
			return true
		}
	}
	return false
}

// show logs what a client heard around an event.
func (c *checker) show(i int, cl *client, k int, what string) {
	var b strings.Builder
	for _, e := range cl.history[max(0, k-5):min(len(cl.history), k+4)] {
		text := e.why
		if e.message != nil {
			text = string(e.message.Data)
		}
		fmt.Fprintf(&b, "  %s %s at %s\n", e.when.Format("05.000"), text, e.at)
	}
	c.t.Logf("client %d of %s: %s:\n%s", i, c.groups[cl.group], what, b.String())
	if !c.shown[cl.group] {
		c.shown[cl.group] = true
		c.t.Logf("the stream: %s", c.stream(cl.group))
	}
}

// stream is what stands in a group's stream in the end.
func (c *checker) stream(group int) string {
	b := c.stations[0].broker
	entries, err := b.commands().XRange(context.Background(), b.key(c.groups[group]), "-", "+").Result()
	if err != nil {
		return err.Error()
	}
	var all strings.Builder
	for _, e := range entries {
		text := "lost"
		if data, ok := e.Values[fieldData].(string); ok {
			text = data
		}
		fmt.Fprintf(&all, " %s=%s", e.ID, text)
	}
	return all.String()
}
