package main

import "time"

// Part is one thing that is measured at all servers: what to open and what to do.
type Part struct {
	Name       string `json:"name"`
	Shape      Shape  `json:"shape"`
	Size       int    `json:"size"`
	Window     int    `json:"window"` // messages under way, or unanswered a publisher
	Publishers int    `json:"publishers"`
	Acks       bool   `json:"acks,omitempty"`

	warmup, duration time.Duration
	patience         time.Duration
	rate             float64
}

// The parts' names.
const (
	throughput = "throughput"
	latency    = "latency"
	intake     = "intake"
)

// load drives a circuit for so long, as the part demands.
func (p Part) load(c *Circuit, d time.Duration) error {
	switch p.Name {
	case latency:
		return c.pace(p.rate, d)
	case intake:
		return c.ask(p.Window, d)
	}
	return c.saturate(p.Window, d)
}

// measure drives a circuit once: warm up, measure, wait for the tail.
func (p Part) measure(c *Circuit) (m Measurement, err error) {
	if err := p.load(c, p.warmup); err != nil {
		return m, err
	}
	if p.Name == latency {
		c.latency = newHistogram()
	}
	count := c.count(p.Acks)
	s, err := c.subject.spend(func() error { return p.load(c, p.duration) })
	if err != nil {
		return m, err
	}
	m = measurement(s, c.count(p.Acks)-count)
	if err := c.settle(p.Acks); err != nil {
		return m, err
	}
	if c.latency != nil {
		m.P50, m.P99 = quantile(c.latency, 50), quantile(c.latency, 99)
		c.latency = nil
	}
	return m, nil
}

// count is how many of what the part is about there have been.
func (c *Circuit) count(acks bool) uint64 {
	if acks {
		return c.acked
	}
	return c.delivered
}
