package main

import (
	"fmt"
	"time"
)

// Outcome is what one trial found out.
type Outcome struct {
	Fault string `json:"fault"`
	About string `json:"about"`
	*Findings
	Took    time.Duration  `json:"took_ns"`           // all of it, with the starts and ends of servers
	Refusal string         `json:"refusal,omitempty"` // the first
	Closes  map[string]int `json:"closes"`            // ends of connections that the members did not end
}

// outcome takes down everything and judges it.
func (t *Trial) outcome(settled time.Duration) (*Outcome, error) {
	c := &Chronicle{Groups: t.o.groups, Whole: !t.fault.rewinds && !t.fault.trims, Rewinds: t.fault.rewinds, Cured: t.cured, Settled: settled}
	closes := map[string]int{}
	for _, f := range t.followers {
		c.Members = append(c.Members, f.history())
	}
	for _, f := range t.followers {
		f.mu.Lock()
		for why, n := range f.closes {
			closes[why] += n
		}
		f.mu.Unlock()
	}
	c.Spoken = make([][]Utterance, t.o.groups)
	for g := range t.o.groups {
		for _, s := range t.speakers {
			c.Spoken[g] = append(c.Spoken[g], s.said[g]...)
		}
		held, err := t.held(g)
		if err != nil {
			return nil, err
		}
		c.Held = append(c.Held, held)
	}
	o := &Outcome{Fault: t.fault.name, About: t.fault.about, Findings: c.Judge(), Refusal: t.refused, Closes: closes}
	o.Broken = append(o.Broken, t.odd...)
	return o, nil
}

// held is what Redis has of a group.
func (t *Trial) held(group int) (map[Said]Place, error) {
	answer, err := t.redis.Ask("XRANGE", t.key(group), "-", "+")
	if err != nil {
		return nil, err
	}
	entries, _ := answer.([]any)
	held := make(map[Said]Place, len(entries))
	for _, e := range entries {
		entry, _ := e.([]any)
		if len(entry) != 2 {
			return nil, fmt.Errorf("an entry of %s that is none: %v", t.key(group), e)
		}
		p, ok := readPlace(fmt.Sprint(entry[0]))
		m, ours := findPayload([]byte(namedValues(entry[1])["data"]), payloadMin)
		if ok && ours {
			held[Said{m.Slot, m.Seq}] = p
		}
	}
	return held, nil
}
