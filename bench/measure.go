package main

import (
	"context"
	"fmt"
	"time"
)

// busy is the share of its core from which on a server counts as what was slow. Below
// it the load, or whoever else had the processor, may have been.
const busy = 0.95

// The units of figures, as ratios name them.
const (
	figureRate = "rate" // deliveries or acked publishes a second
	figureCost = "cost" // CPU microseconds of each
	figureP50  = "p50"
	figureP99  = "p99"
)

// Measurement is what one server did in one round.
type Measurement struct {
	Count      uint64  `json:"count"` // deliveries, or acked publishes
	PerSecond  float64 `json:"per_second"`
	Micros     float64 `json:"cpu_us"`       // of the server, each
	StoreCPU   float64 `json:"store_cpu_us"` // of its Redis, each
	ServerBusy float64 `json:"server_busy"`  // cores
	LoadBusy   float64 `json:"load_busy"`    // cores, of this process
	P50        float64 `json:"p50_ms,omitempty"`
	P99        float64 `json:"p99_ms,omitempty"`
}

// measurement divides what was spent by what was done.
func measurement(s Spent, count uint64) Measurement {
	m := Measurement{Count: count, PerSecond: perSecond(count, s.Wall.Seconds())}
	if n := float64(count); n > 0 {
		m.Micros = float64(s.Server) / float64(time.Microsecond) / n
		m.StoreCPU = float64(s.Store) / float64(time.Microsecond) / n
	}
	if w := float64(s.Wall); w > 0 {
		m.ServerBusy, m.LoadBusy = float64(s.Server)/w, float64(s.Load)/w
	}
	return m
}

// Part is one thing that is measured at all servers: what to open and what to do.
type Part struct {
	Name       string `json:"name"`
	Shape      Shape  `json:"shape"`
	Size       int    `json:"size"`
	Window     int    `json:"window"` // messages under way, or unanswered a publisher
	Publishers int    `json:"publishers"`
	Acks       bool   `json:"acks,omitempty"`

	warmup, duration time.Duration
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

// Score is what all rounds of a part say.
type Score struct {
	Part
	Depth  float64                  `json:"depth"` // messages under way for one connection
	Rounds map[string][]Measurement `json:"rounds"`
	Ratios []Ratio                  `json:"ratios"`
}

// play measures a part: all servers in turn, in each round another one first, on
// connections that stay open all the while. It takes the goroutine that calls it for
// itself, thread and all.
func (p Part) play(ctx context.Context, subjects []Subject, rounds int, show *Progress) (*Score, error) {
	score := &Score{Part: p, Depth: p.Shape.Depth(p.Window), Rounds: map[string][]Measurement{}}
	var circuits []*Circuit
	defer func() {
		for _, c := range circuits {
			c.close()
		}
	}()
	for _, s := range subjects {
		c, err := openCircuit(ctx, s, p.Shape, p.Size, p.Publishers, p.Acks)
		if err != nil {
			return nil, err
		}
		circuits = append(circuits, c)
	}
	pin()
	for round := range rounds {
		for i := range circuits {
			c := circuits[(round+i)%len(circuits)]
			if ctx.Err() != nil {
				return nil, fmt.Errorf("interrupted in round %d of %s", round+1, p.Name)
			}
			m, err := p.measure(c)
			if err != nil {
				return nil, err
			}
			show.Line("%s  %s  %s B  round %d  %-6s  %s/s, %.2f CPU us each", p.Name, p.Shape.Name, grouped(p.Size), round+1, c.subject.Name, grouped(m.PerSecond), m.Micros)
			score.Rounds[c.subject.Name] = append(score.Rounds[c.subject.Name], m)
		}
	}
	score.compare()
	return score, nil
}

// figures are one figure of all servers, a round each.
func (s *Score) figures(of func(m Measurement) float64) map[string][]float64 {
	all := map[string][]float64{}
	for name, rounds := range s.Rounds {
		for _, m := range rounds {
			all[name] = append(all[name], of(m))
		}
	}
	return all
}

// compare fills in the ratios.
func (s *Score) compare() {
	if s.Name == latency {
		s.Ratios = append(ratios(figureP50, s.figures(func(m Measurement) float64 { return m.P50 })),
			ratios(figureP99, s.figures(func(m Measurement) float64 { return m.P99 }))...)
		return
	}
	s.Ratios = append(ratios(figureRate, s.figures(func(m Measurement) float64 { return m.PerSecond })),
		ratios(figureCost, s.figures(func(m Measurement) float64 { return m.Micros }))...)
}
