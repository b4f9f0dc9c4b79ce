package main

import (
	"context"
	"fmt"
)

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
	score := &Score{Part: p, Rounds: map[string][]Measurement{}}
	if p.Name == throughput {
		score.Depth = p.Shape.Depth(p.Window)
	}
	var circuits []*Circuit
	defer func() {
		for _, c := range circuits {
			c.close()
		}
	}()
	for _, s := range subjects {
		c, err := openCircuit(ctx, s, p)
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
